"""DNS: writing proof records by RFC 2136, and looking at them where a CA looks."""

from activities.adapters.dns.authoritative import AuthoritativeResolver
from activities.adapters.dns.directory import SECRET_PURPOSE_DNS_TSIG, PublisherDirectory
from activities.adapters.dns.rfc2136 import Rfc2136Publisher

__all__ = ["SECRET_PURPOSE_DNS_TSIG", "AuthoritativeResolver", "PublisherDirectory", "Rfc2136Publisher"]

"""The SSL Store's reseller API: reads leniently, writes strictly, and speaks the domain's words to the rest of Evercert."""

from activities.adapters.seller.client import SellerClient
from activities.adapters.seller.credential import SECRET_PURPOSE_SELLER_TOKEN, Credential
from activities.adapters.seller.directory import SellerDirectory

__all__ = ["SECRET_PURPOSE_SELLER_TOKEN", "Credential", "SellerClient", "SellerDirectory"]

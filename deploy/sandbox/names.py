"""Names as this CA takes them: lower-case LDH names below `.test`, a wildcard label at most in front."""

import re

from deploy.sandbox.refusals import Code, RefusalError

_LABEL = re.compile(r"^(?!-)[a-z0-9-]{1,63}(?<!-)$")
_LONGEST = 253
_FEWEST_LABELS = 2


def checked_name(raw: str) -> str:
    """A name in canonical form.

    Raises:
        RefusalError: No CA could put it into a certificate, or it is not below `.test`.
    """
    name = raw.strip().rstrip(".").lower()
    host = name.removeprefix("*.")
    labels = host.split(".")
    if len(name) > _LONGEST or not all(_LABEL.match(label) for label in labels):
        raise RefusalError(Code.PARAMETER, "A domain name is invalid")
    if labels[-1] != "test":
        raise RefusalError(Code.VENDOR, "Vendor returns error:This sandbox issues for names below .test only")
    if len(labels) < _FEWEST_LABELS:
        raise RefusalError(Code.VENDOR, "Vendor returns error:A public suffix cannot be certified")
    return name


def www_twin(name: str) -> str | None:
    """The name with `www.` added or taken away; `None` where there is none."""
    if name.startswith("*."):
        return None
    if not name.startswith("www."):
        return f"www.{name}"
    bare = name.removeprefix("www.")
    return bare if bare.count(".") >= 1 else None


APPROVER_BOXES = ("admin", "administrator", "hostmaster", "postmaster", "webmaster")


def base_domain(name: str) -> str:
    """The registrable part of a name below `.test`: its last two labels."""
    return ".".join(name.removeprefix("*.").split(".")[-_FEWEST_LABELS:])


def approvers(name: str) -> list[str]:
    """Mailboxes that may approve a name: five at the base domain, five at each level down to the name itself."""
    host, base = name.removeprefix("*."), base_domain(name)
    places, place = [base], host
    while place != base and place.endswith(f".{base}"):
        places.append(place)
        place = place.partition(".")[2]
    return [f"{box}@{where}" for where in places for box in APPROVER_BOXES]

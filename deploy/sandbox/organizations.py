"""Organisations that DigiCert has vetted for this account: `digicert/organizationlist` and `organizationinfo`."""

from dataclasses import dataclass

from deploy.sandbox.calls import Call
from deploy.sandbox.refusals import Code, RefusalError
from deploy.sandbox.wire import Json


@dataclass(frozen=True)
class Organization:
    """One organisation; only an active one can be ordered with."""

    number: int
    vendor_number: int
    name: str
    address: str
    city: str
    region: str
    postal_code: str
    country: str
    phone: str
    status: str = "active"

    def members(self) -> dict[str, str]:
        """The same as `OrganizationInfo` of an order would say it, flattened."""
        return {
            "OrganizationName": self.name,
            "AddressLine1": self.address,
            "City": self.city,
            "LocalityName": self.city,
            "Region": self.region,
            "PostalCode": self.postal_code,
            "Country": self.country.upper(),
            "Phone": self.phone,
            "RegistrationNumber": str(self.vendor_number),
            "JurisdictionCountry": self.country.upper(),
        }

    def wire(self) -> dict[str, Json]:
        """One element of the list; the country is in lower case there."""
        contact: dict[str, Json] = {
            "Firstname": "Domain",
            "Lastname": "Office",
            "Email": "hostmaster@example.test",
            "JobTitle": "IT Manager",
            "Phone": self.phone,
            "Phone_Extension": "",
            "Username": "",
        }
        return {
            "TSSOrganizationId": self.number,
            "VendorOrganizationId": self.vendor_number,
            "Name": self.name,
            "AssumedName": "",
            "Address": self.address,
            "Address2": "",
            "City": self.city,
            "State": self.region,
            "Zip": self.postal_code,
            "Country": self.country,
            "Organization_Phone": self.phone,
            "Status": self.status,
            "ApproversContact": None,
            "OrganizationContact": contact,
        }


_PHONE = "+15555550100"
ORGANIZATIONS: dict[int, Organization] = {
    organization.number: organization
    for organization in (
        Organization(54321, 987654, "Example Ltd", "1 Main St", "Anytown", "WA", "98000", "us", _PHONE),
        Organization(54322, 987655, "Example GmbH", "Hauptstr. 1", "Musterstadt", "Bayern", "80000", "de", _PHONE),
        Organization(54323, 987656, "Example BV", "Kerkstraat 1", "Ede", "Gelderland", "6711 AA", "nl", _PHONE, "pending"),
    )
}  # fmt: skip


def vetted(number: int) -> dict[str, str]:
    """Organisation data of a vetted organisation, by its number.

    Raises:
        RefusalError: No such organisation, or it is not active.
    """
    organization = ORGANIZATIONS.get(number)
    if organization is None or organization.status != "active":
        raise RefusalError(Code.ORGANIZATION_REQUIRED, "The organization is unknown or not active")
    return organization.members()


def list_organizations(call: Call) -> dict[str, Json]:
    """`digicert/organizationlist`."""
    return {"OrganizationList": [organization.wire() for organization in ORGANIZATIONS.values()]}


def show_organization(call: Call) -> dict[str, Json]:
    """`digicert/organizationinfo`."""
    organization = ORGANIZATIONS.get(call.request.number("TSSOrganizationId"))
    if organization is None:
        raise RefusalError(Code.PARAMETER, "The organization is unknown")
    return organization.wire()

"""Every refusal of the seller API, in one table.

Only -9008 and -9009 were ever seen from the real service. All other numbers are made up here and start with -99, so that
nobody takes them for facts.
"""

from enum import Enum


class Code(Enum):
    """Code and default sentence of a refusal."""

    AUTHENTICATION = (-9008, "Token/Authentication Failure")
    VENDOR = (-9009, "Vendor returns error:The order was refused")
    INTERNAL = (-99000, "Internal error of the sandbox")
    MALFORMED = (-99001, "The request body is not a JSON object")
    PARAMETER = (-99002, "A parameter is invalid")
    PRODUCT_UNKNOWN = (-99003, "The product code is unknown")
    MONTHS_NOT_SOLD = (-99004, "The validity period is not sold for this product")
    NAMES_NOT_SOLD = (-99005, "The product does not cover these names")
    CSR_UNDECODABLE = (-99006, "The CSR cannot be decoded!")
    CSR_INVALID = (-99007, "csr_invalid - Failed to parse CSR. Generate CSR as valid Base-64 data")
    INSUFFICIENT_FUNDS = (-99008, "The account balance does not cover this order")
    ORDER_NOT_FOUND = (-99009, "Order not found")
    DUPLICATE_CUSTOM_ORDER_ID = (-99010, "The CustomOrderID was used before")
    APPROVER_NOT_ALLOWED = (-99011, "The approver e-mail is not allowed for this domain")
    PROOF_METHOD_NOT_ALLOWED = (-99012, "The authentication method is not allowed for this domain")
    ORGANIZATION_REQUIRED = (-99013, "The product needs complete organization information")
    NOT_ISSUED = (-99014, "The certificate is not issued yet")
    ORDER_STATE = (-99015, "The order is not in a state for this call")
    ENDPOINT_UNKNOWN = (-99016, "No such endpoint")

    @property
    def number(self) -> int:
        """The code as it stands in the error text."""
        return self.value[0]

    @property
    def sentence(self) -> str:
        """The default sentence."""
        return self.value[1]


class RefusalError(Exception):
    """The seller says no; becomes an answer with `isError: true`."""

    def __init__(self, code: Code, text: str | None = None) -> None:
        self.code = code
        self.text = text or code.sentence
        super().__init__(f"{code.name}: {self.text}")

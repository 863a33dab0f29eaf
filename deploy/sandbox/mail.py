"""Mail in the sandbox: the mailbox of everyone, and the CA's approver mails with their links.

A mail is sent again byte for byte (Baseline Requirements 3.2.2.4.4); another approver gets another mail, and the link
of the earlier one is void from then on.
"""

import asyncio
import re
import smtplib
from datetime import datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import format_datetime

from pydantic import BaseModel, Field

from deploy.sandbox.book import Order, Proof
from deploy.sandbox.catalogue import BY_CODE
from deploy.sandbox.state import Store
from deploy.sandbox.wire import Json

LINK_LIFE = timedelta(days=30)
_MAILS_KEPT = 1000
_SMTP_SECONDS = 10
_LINK = re.compile(r"https?://[^\s<>\"]+")


class Mail(BaseModel):
    """One mail as it arrived."""

    number: int
    at: datetime
    sender: str
    recipients: list[str]
    raw: str
    """Headers and body as sent, bytes as Latin-1."""

    def wire(self) -> dict[str, Json]:
        """JSON form, with subject, text and links dug out."""
        message = message_from_bytes(self.raw.encode("latin-1"), policy=policy.default)
        part = message.get_body(("plain", "html")) if isinstance(message, EmailMessage) else None
        try:
            text = str(part.get_content()) if part is not None else ""
        except (LookupError, ValueError):  # a character set or encoding that nobody knows
            text = ""
        recipients: list[Json] = list(self.recipients)
        links: list[Json] = list(_LINK.findall(text))
        return {
            "number": self.number,
            "at": self.at.isoformat(),
            "from": self.sender,
            "to": recipients,
            "subject": str(message.get("subject", "")),
            "text": text,
            "links": links,
            "raw": self.raw,
        }


class Mailbox:
    """Every mail that reached the sink, oldest first; the last thousand are kept."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._mails = [Mail.model_validate_json(row) for row in store.rows("mail")]

    def put(self, at: datetime, sender: str, recipients: list[str], raw: bytes) -> Mail:
        """Keep a mail."""
        number = self._mails[-1].number + 1 if self._mails else 1
        mail = Mail(number=number, at=at, sender=sender, recipients=recipients, raw=raw.decode("latin-1"))
        self._mails.append(mail)
        self._store.put_all(("mail", str(number), mail.model_dump_json()))
        if len(self._mails) > _MAILS_KEPT:
            self._store.drop_row("mail", str(self._mails.pop(0).number))
        return mail

    def mails(self, recipient: str = "") -> list[Mail]:
        """All mails, or those to an address."""
        wanted = recipient.lower()
        return [mail for mail in self._mails if not wanted or wanted in map(str.lower, mail.recipients)]

    def clear(self) -> None:
        """Forget all mails."""
        self._mails.clear()
        self._store.drop("mail")


class Approval(BaseModel):
    """One approver mail and what became of its link."""

    token: str = Field(repr=False)
    order_id: str
    name: str
    approver: str
    made_at: datetime
    raw: str = Field(default="", repr=False)
    is_sent: bool = False
    asked_at: datetime | None = None
    """Request for a mail (`Proof.mail_asked_at`) that the last sending answered."""
    used_at: datetime | None = None
    is_void: bool = False

    def is_live(self, now: datetime) -> bool:
        """Whether the link may still approve."""
        return not self.is_void and self.used_at is None and now < self.made_at + LINK_LIFE


class Approvals:
    """Every approver mail of the CA."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._by_token: dict[str, Approval] = {}
        self._latest: dict[tuple[str, str], Approval] = {}
        for row in store.rows("approval"):
            self._index(Approval.model_validate_json(row))

    def find(self, token: str) -> Approval | None:
        """The approval behind a link."""
        return self._by_token.get(token)

    def latest(self, order_id: str, name: str) -> Approval | None:
        """The newest approval of a name of an order, live or not."""
        return self._latest.get((order_id, name))

    def waiting(self, now: datetime) -> list[Approval]:
        """Approvals whose mail is out and whose link may still be used."""
        return [each for each in self._latest.values() if each.is_sent and each.is_live(now)]

    def save(self, approval: Approval) -> None:
        """Commit a new approval or a change of one."""
        self._index(approval)
        self._store.put_all(("approval", approval.token, approval.model_dump_json()))

    def void(self, order_id: str, name: str) -> None:
        """Make the link of a name useless, if there is one."""
        known = self.latest(order_id, name)
        if known is not None and not known.is_void:
            known.is_void = True
            self.save(known)

    def clear(self) -> None:
        """Forget all; every link is unknown from now on."""
        self._by_token.clear()
        self._latest.clear()
        self._store.drop("approval")

    def _index(self, approval: Approval) -> None:
        self._by_token[approval.token] = approval
        self._latest[approval.order_id, approval.name] = approval


class Postman:
    """Sends over real SMTP."""

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port

    async def send(self, approval: Approval) -> str:
        """Send a mail; the problem, or nothing when it was taken."""
        try:
            await asyncio.to_thread(self._send, approval)
        except (OSError, smtplib.SMTPException) as error:
            return f"the approver mail could not be sent: {type(error).__name__}"
        return ""

    def _send(self, approval: Approval) -> None:
        with smtplib.SMTP(self._host, self._port, timeout=_SMTP_SECONDS) as smtp:
            smtp.sendmail(_sender(approval.raw), [approval.approver], approval.raw.encode("latin-1"))


def approver_mail(order: Order, proof: Proof, link: str, now: datetime) -> str:
    """Text of the mail that asks an approver, ready to be sent."""
    brand = BY_CODE[order.product_code].brand
    message = EmailMessage(policy=policy.SMTP)
    message["From"] = f"{brand.capitalize()} (sandbox) <validation@{brand}.test>"
    message["To"] = proof.approver
    message["Subject"] = f"Approve a certificate for {proof.name}"
    message["Date"] = format_datetime(now)
    message["Message-ID"] = (
        f"<{order.vendor_order_id}.{int(now.timestamp() * 1000)}.{proof.name.strip('*.')}@{brand}.test>"
    )
    message.set_content(
        f"Somebody ordered a certificate for {proof.name} (order {order.vendor_order_id}).\n\n"
        f"If you have control of this name and agree, open this page and press the button:\n\n{link}\n\n"
        f"The link works until {now + LINK_LIFE:%Y-%m-%d %H:%M} UTC. If you do not agree, do nothing.\n"
    )
    return message.as_bytes().decode("latin-1")


def _sender(raw: str) -> str:
    address = message_from_bytes(raw.encode("latin-1"), policy=policy.default)["from"].addresses[0]
    return f"{address.username}@{address.domain}"

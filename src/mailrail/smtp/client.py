"""Floor 1 · smtp — the client's side of SMTP and LMTP: intents in, bytes out; bytes in, events out.

Every command sent leaves its stage in the *ledger*; every reply takes the oldest entry out. So a
reply cannot find the wrong command, and one that finds none is the peer's fault. When the ledger
is empty the next thing is decided, in `_go_on` and nowhere else. A reply that comes before that was written is to nothing.

Pipelining (RFC 2920): MAIL, RCPT ... DATA leave in one write, WINDOW commands at most, so that a
peer that stops reading while it answers never owes us more than a socket buffer of replies.
Without PIPELINING the window is one: the same code then speaks one command at a time.

BDAT instead of DATA (RFC 3030) when the peer offers CHUNKING and the message is whole in memory:
it saves the round trip of 354 and the dots. Up to ONE_FLIGHT_OCTETS and with PIPELINING it
even leaves in the envelope's write: one round trip for the message, at the price of having sent it in
vain when every recipient is refused. A binary message has no other way. A streamed text message
goes by DATA: with BDAT every chunk would cost a reply.

A transaction may *follow* another: behind content that goes by DATA the next envelope leaves in
the same write (RFC 2920 §3.1). Its commands stand in the ledger behind the end of data, its replies are taken
once that was answered, and its content is not sent before. Where there is CHUNKING nothing follows: a
message takes one round trip anyway, and one that is refused leaves a transaction behind.
"""

from base64 import b64encode
from collections import deque
from collections.abc import Sequence
from typing import Final

from mailrail.model import Body, Envelope, LocalProtocolError, Recipient, RemoteProtocolError, Reply
from mailrail.smtp.client_events import (
    Answered,
    Challenged,
    ClientEvent,
    ContentWanted,
    Dismissed,
    Ended,
    Role,
)
from mailrail.smtp.client_lines import TextWriter, challenge_of, command_line, initial_response
from mailrail.smtp.client_states import NEXT, Stage, State, Step
from mailrail.smtp.client_transaction import Transaction, check_cleared, format_envelope, is_done
from mailrail.smtp.extensions import Extensions, parse_extensions
from mailrail.smtp.lines import end_behind, is_clean, stuffed
from mailrail.smtp.replies import ReplyReader

# Bound once: Python 3.11 takes 70 ns to find a member in its class, and a message asks hundreds of times.
(
    S_GREETING, S_UNWELCOME, S_GREETED, S_HELLO, S_IDLE, S_STARTTLS, S_HANDSHAKE, S_AUTH, S_CHALLENGED,
    S_CANCELLED, S_ENVELOPE, S_CONTENT, S_CHUNK, S_VERDICT, S_SPENT, S_RSET, S_QUITTING, S_OVER
) = State  # fmt: skip
(
    T_SAY_HELLO, T_SAY_STARTTLS, T_TLS_UP, T_SAY_AUTH, T_RESPOND, T_CANCEL, T_BEGIN, T_FOLLOW, T_SEND_DATA,
    T_SEND_CHUNK, T_SEND_LAST, T_SAY_RSET, T_SAY_QUIT, T_CLOSE, T_WELCOMED, T_TURNED_AWAY, T_HELLO_TAKEN,
    T_HELLO_REFUSED, T_TLS_READY, T_TLS_REFUSED, T_CHALLENGE, T_AUTH_OVER, T_GO_AHEAD, T_SETTLED,
    T_BROKEN_OFF, T_CLEARED, T_GOODBYE
) = Step  # fmt: skip
(
    AT_CONNECT, AT_GREETING, AT_HELLO, AT_TLS, AT_AUTH, AT_MAIL, AT_RCPT, AT_DATA, AT_CONTENT, AT_END,
    AT_RSET, AT_QUIT
) = Stage  # fmt: skip
B_BINARY, R_SMTP = Body.BINARY, Role.SMTP
WINDOW: Final = 200  # commands in flight; 200 replies of 80 octets fill the smallest usual buffer, 16 KiB
ONE_FLIGHT_OCTETS: Final = 64 * 1024  # most mail is smaller; a wasted flight of it costs little
# The one positive reply to what has only one (RFC 5321 §4.3.2, RFC 3207 §4, RFC 4954 §4).
_ONLY: Final = {AT_GREETING: 220, AT_HELLO: 250, AT_TLS: 220, AT_AUTH: 235}


class ClientConnection:
    """One session with a server, from the greeting to the end.

    Attributes:
        role: SMTP or LMTP.
        state: where the session stands.
        extensions: what the peer offers; empty before EHLO, after HELO and after TLS came up.
        transaction: what is known so far of the transaction under way, or None.
    """

    def __init__(self, role: Role = Role.SMTP) -> None:
        self.role = role
        self.state = S_GREETING
        self.extensions = Extensions()
        self.transaction: Transaction | None = None
        self._following: Transaction | None = None
        self._replies = ReplyReader()
        self._ledger = deque([AT_GREETING])
        self._out: list[bytes] = []
        self._whole: bytes | None = None
        self._is_plain = False  # it
        self._is_bdat = False
        self._is_spent = False
        self._text = TextWriter()

    # --- bytes -----------------------------------------------------------------------

    def receive(self, data: bytes) -> None:
        """Take bytes from the peer; then pull `next_event` until it gives None.

        Raises:
            RemoteProtocolError: bytes came where only a TLS handshake may follow (A55).
        """
        if self.state is S_HANDSHAKE:
            self._move(T_CLOSE)
            raise RemoteProtocolError("plain text behind the reply to STARTTLS (RFC 3207 §4.2)")
        if self.state is not S_OVER:
            self._replies.receive(data)

    def next_event(self) -> ClientEvent | None:
        """Return what happened next, or None when more bytes are needed.

        Raises:
            RemoteProtocolError: the peer broke the protocol; the session is over.
        """
        replies = self._replies
        ready = replies.ready
        if not (ready or replies.has_more) or self.state is S_OVER:
            return None
        ledger, transaction = self._ledger, self.transaction
        event: ClientEvent | None = None  # whatever leads to OVER, or ends *transaction*, makes one
        try:
            if len(ready) == 3 and transaction is not None and transaction.takes_all(ledger, ready):
                event = self._give_content()
            while event is None and (ready or (replies.has_more and replies.read_on())):
                reply = ready.popleft()
                if not ledger:
                    return self._unasked(reply)
                stage = ledger.popleft()
                if transaction is None:
                    return self._answered(stage, reply)
                if reply.code == 421 or self._out:  # what it answers is not sent yet
                    return self._unasked(reply, stage)
                if stage is AT_END:
                    event = self._end_answered(transaction, reply)
                elif stage is AT_RCPT:
                    transaction.take_rcpt(reply)
                elif stage is AT_MAIL:
                    if reply.code >= 300:
                        transaction.take_mail(reply)
                elif stage is AT_DATA:
                    event = self._data_answered(transaction, reply)
                elif stage is AT_CONTENT:
                    event = self._chunk_answered(transaction, reply)
                else:
                    check_cleared(reply)
                if event is None and not ledger:
                    event = self._go_on(transaction)
        except RemoteProtocolError:
            self._move(T_CLOSE)
            raise
        return event

    def data_to_send(self) -> bytes:
        """Return what must be written now, once."""
        data = b"".join(self._out)
        self._out.clear()
        return data

    def awaiting(self) -> Stage | None:
        """Return what the next reply answers; CONTENT while it is our turn to send it; None when nothing is owed."""
        if self._ledger:
            return self._ledger[0]
        return AT_CONTENT if self.state is S_CONTENT else None

    def may_follow(self) -> bool:
        """Tell whether a transaction may begin behind the one under way, whose content has all been given."""
        if self.state is not S_VERDICT or self._following is not None:
            return False
        extensions = self.extensions
        return extensions.has_pipelining and not extensions.has_chunking

    # --- intents ---------------------------------------------------------------------

    def hello(self, name: str, *, extended: bool = True) -> None:
        """Say EHLO (LMTP: LHLO), or HELO when not *extended*.

        Args:
            name: our host name or address literal, as RFC 5321 §4.1.1.1 wants it.
        """
        verb = "LHLO" if self.role is Role.LMTP else "EHLO" if extended else "HELO"
        self._say(T_SAY_HELLO, AT_HELLO, command_line(f"{verb} {name}"))

    def starttls(self) -> None:
        """Say STARTTLS; on 220 bring TLS up, then call `tls_up`."""
        self._say(T_SAY_STARTTLS, AT_TLS, b"STARTTLS\r\n")

    def tls_up(self) -> None:
        """Forget all that was said in the clear (RFC 3207 §4.2); `hello` comes next."""
        self._intend(T_TLS_UP)
        self.extensions = Extensions()

    def auth(self, mechanism: str, initial: bytes | None) -> None:
        """Begin a SASL exchange (RFC 4954 §4).

        Args:
            initial: the initial response, or None when the server speaks first.
        """
        words = f"AUTH {mechanism}" if initial is None else f"AUTH {mechanism} {initial_response(initial)}"
        self._say(T_SAY_AUTH, AT_AUTH, command_line(words))

    def respond(self, response: bytes) -> None:
        """Answer a challenge."""
        self._say(T_RESPOND, AT_AUTH, b64encode(response) + b"\r\n")

    def cancel_auth(self) -> None:
        """Give the SASL exchange up instead of answering a challenge."""
        self._say(T_CANCEL, AT_AUTH, b"*\r\n")

    def begin(
        self,
        envelope: Envelope,
        recipients: Sequence[Recipient],
        *,
        size_bytes: int,
        body: Body,
        whole: bytes | None,
        is_question: bool = False,
        is_plain: bool = False,
    ) -> None:
        """Begin a mail transaction; it ends with one `Ended`.

        Where `may_follow` says so, it is begun behind the one under way, whose `Ended` comes first. If the
        session ends before that, nothing is told of this one: nobody has got it.

        Args:
            recipients: those of the envelope that this transaction is for, at least one.
            size_bytes: octets of the content, line ends as CRLF.
            body: what the content is, after any conversion.
            whole: the content, if it is in memory; else it is asked for by `ContentWanted`.
            is_question: only find out who would be taken: nothing follows the last RCPT.
            is_plain: the caller knows *whole* to have only CRLF line ends, and no line that begins with a dot.

        Raises:
            LocalProtocolError: out of order; the peer lacks an extension that this needs; or a bare
                CR or LF in the content (A5). Nothing was sent.
        """
        step = T_FOLLOW if self.state is S_VERDICT and self.may_follow() else T_BEGIN
        state = NEXT[self.state].get(step)
        if state is None:
            raise LocalProtocolError(f"no transaction can begin in state {self.state.name}")
        extensions = self.extensions
        is_binary = body is B_BINARY
        lines = format_envelope(envelope, recipients, size_bytes, body, extensions)
        if whole is not None and not (is_plain or is_binary or is_clean(whole)):
            raise LocalProtocolError("bare CR or LF in the content (RFC 5321 §2.3.8)")
        stages = [AT_MAIL, *[AT_RCPT] * len(recipients)]
        if self.state is S_SPENT:
            stages.insert(0, AT_RSET)
            lines.insert(0, "RSET")
        self._is_bdat = extensions.has_chunking and (is_binary or whole is not None)
        if not (self._is_bdat or is_question):
            stages.append(AT_DATA)
            lines.append("DATA")
        elif whole is not None and extensions.has_pipelining and len(whole) <= ONE_FLIGHT_OCTETS:
            stages.append(AT_END)
            lines.append(f"BDAT {len(whole)} LAST")  # its octets come with it
        self._whole, self._is_plain, self._is_spent = whole, is_plain, False
        transaction = Transaction(len(recipients), stages, lines, is_question)
        if step is T_FOLLOW:
            self._following = transaction
        else:
            self.transaction = transaction
        self.state = state
        self._send_window(transaction)

    def send_content(self, chunk: bytes, *, is_last: bool = False) -> None:
        """Send content that `ContentWanted` asked for.

        By DATA any number of calls may follow one another; by BDAT (a binary message) one call
        answers one `ContentWanted`.

        Raises:
            LocalProtocolError: not asked for, or a bare CR or LF (A5): abort the connection, for a
                part of the message is on its way and must not be ended.
        """
        if self._is_bdat:
            self._intend(T_SEND_LAST if is_last else T_SEND_CHUNK)
            self._out.append(b"BDAT %d%b\r\n%b" % (len(chunk), b" LAST" if is_last else b"", chunk))
            if not is_last:
                self._ledger.append(AT_CONTENT)
        else:
            self._intend(T_SEND_LAST if is_last else T_SEND_DATA)
            try:
                self._out.append(self._text.feed(chunk, is_last=is_last))
            except LocalProtocolError:
                self._move(T_CLOSE)
                raise
        if is_last:
            self._ledger.append(AT_END)

    def reset(self) -> None:
        """Say RSET between transactions."""
        self._say(T_SAY_RSET, AT_RSET, b"RSET\r\n")

    def quit(self) -> None:
        """Say QUIT between transactions."""
        self._say(T_SAY_QUIT, AT_QUIT, b"QUIT\r\n")

    # --- replies ---------------------------------------------------------------------

    def _unasked(self, reply: Reply, stage: Stage = AT_CONTENT) -> ClientEvent:
        """Take a reply that answers nothing that was sent, or 421, which needs no question."""
        if self.transaction is not None and not reply.is_positive:
            # Seen: 552 and the connection closed while a message that is too big still comes in.
            return self._end(T_CLOSE, self.transaction.ended_by(stage, reply))
        if reply.code == 421:
            self._move(T_CLOSE)
            return Dismissed(reply)
        raise RemoteProtocolError(f"a reply to nothing: {reply}")

    def _answered(self, stage: Stage, reply: Reply) -> ClientEvent:
        """Take the reply to a command outside a transaction."""
        if reply.code == 421:
            self._move(T_CLOSE)
            return Answered(stage, reply)
        if stage is AT_AUTH and reply.code == 334:
            self._move(T_CHALLENGE)
            return Challenged(challenge_of(reply.text))
        done = is_done(reply, stage)
        if done and reply.code != _ONLY.get(stage, reply.code):
            raise RemoteProtocolError(f"{reply.code} makes no sense as a reply to {stage.value}")
        if stage is AT_GREETING:
            self._move(T_WELCOMED if done else T_TURNED_AWAY)
        elif stage is AT_HELLO:
            self._move(T_HELLO_TAKEN if done else T_HELLO_REFUSED)
            self.extensions = parse_extensions(reply) if done else Extensions()
        elif stage is AT_TLS:
            self._move(T_TLS_READY if done else T_TLS_REFUSED)
            if done and not self._replies.is_empty:
                raise RemoteProtocolError("more than one reply to STARTTLS (RFC 3207 §4.2)")
        elif stage is AT_AUTH:
            self._move(T_AUTH_OVER)
        elif stage is AT_QUIT:
            self._move(T_GOODBYE)
        else:
            check_cleared(reply)
            self._move(T_CLEARED)
        return Answered(stage, reply)

    # --- the transaction -------------------------------------------------------------

    def _send_window(self, transaction: Transaction) -> None:
        """Send as many commands of *transaction* as may be in flight at once."""
        stages, lines = transaction.commands, transaction.lines
        most = WINDOW if self.extensions.has_pipelining else 1
        if len(stages) > most:
            stages, lines = transaction.take_commands(most)
        else:
            transaction.commands = []
        self._out.append(("\r\n".join(lines) + "\r\n").encode())
        self._ledger += stages
        if self._is_bdat and stages[-1] is AT_END and self._whole is not None:
            self._move(T_SEND_LAST)
            self._out.append(self._whole)
            self._whole = None

    def _go_on(self, transaction: Transaction) -> ClientEvent | None:
        """Decide what comes next, now that every reply owed has come."""
        if transaction.is_hopeless():
            return self._end(T_BROKEN_OFF, transaction.ended())
        if transaction.commands:
            self._send_window(transaction)
            return None
        return self._give_content()

    def _give_content(self) -> ClientEvent | None:
        """Send what is in memory, or ask for it."""
        whole, self._whole = self._whole, None
        if whole is None:
            self._move(T_GO_AHEAD)
            self._text = TextWriter()
            return ContentWanted()
        self.state = NEXT[self.state][T_SEND_LAST]  # in order, for the ledger led here
        if self._is_bdat:
            self._out.append(b"BDAT %d LAST\r\n%b" % (len(whole), whole))
        else:
            self._out += (whole, end_behind(whole)) if self._is_plain else (stuffed(whole),)
        self._ledger.append(AT_END)
        return None

    def _data_answered(self, transaction: Transaction, reply: Reply) -> ClientEvent | None:
        if reply.code != 354:
            if reply.code < 400:
                raise RemoteProtocolError(f"{reply.code} makes no sense as a reply to DATA")
            return self._end(T_BROKEN_OFF, transaction.ended_by(AT_DATA, reply))
        if transaction.accepted:
            return self._give_content()
        if self.role is Role.LMTP:
            # RFC 2033 §4.2 wants 503 here; how many replies a dot would get, nobody knows.
            return self._end(T_CLOSE, transaction.ended())
        # RFC 2920 §3.1: 354 although every recipient was refused: an empty message ends it.
        self._move(T_SEND_LAST)
        self._out.append(b".\r\n")
        self._ledger.append(AT_END)
        return None

    def _chunk_answered(self, transaction: Transaction, reply: Reply) -> ClientEvent:
        if is_done(reply, AT_CONTENT):
            self._move(T_GO_AHEAD)
            return ContentWanted()
        return self._end(T_BROKEN_OFF, transaction.ended_by(AT_CONTENT, reply))

    def _end_answered(self, transaction: Transaction, reply: Reply) -> ClientEvent | None:
        """Take the final reply: one, or in LMTP one for each accepted recipient (RFC 2033 §4.2)."""
        # RFC 3030 §2: a BDAT that failed leaves a transaction behind; DATA never does.
        if reply.code >= 300 and not is_done(reply, AT_END) and self._is_bdat:
            self._is_spent = True
        if transaction.accepted > 1 and self.role is not R_SMTP:
            transaction.settle_next(AT_END, reply)
            self._ledger.appendleft(AT_END)
            return None
        step = T_BROKEN_OFF if self._is_spent else T_SETTLED
        return self._end(step, transaction.ended_by(AT_END, reply))

    def _end(self, step: Step, ended: Ended) -> Ended:
        """End the transaction under way, and often the session; the one that follows is under way now."""
        self.state = state = NEXT[self.state][step]  # as above
        if state is S_OVER:
            self._forget()
        following, self._following = self._following, None
        if following is not None and state is S_IDLE:
            self.state = NEXT[state][T_BEGIN]
            self.transaction = following
        else:
            self.transaction = None
            self._whole = None
        return ended

    # --- order -----------------------------------------------------------------------

    def _say(self, step: Step, stage: Stage, line: bytes) -> None:
        self._intend(step)
        self._ledger.append(stage)
        self._out.append(line)

    def _intend(self, step: Step) -> None:
        state = NEXT[self.state].get(step)
        if state is None:
            raise LocalProtocolError(f"{step.name} is out of order in state {self.state.name}")
        self.state = state

    def _move(self, step: Step) -> None:
        state = NEXT[self.state].get(step)
        if state is None:
            raise RemoteProtocolError(f"{step.name} is out of order in state {self.state.name}")
        self.state = state
        if state is S_OVER:
            self._forget()

    def _forget(self) -> None:
        """Wait for nothing, and send no more: what nobody waits for might be taken for commands."""
        self._ledger.clear()
        self._out.clear()

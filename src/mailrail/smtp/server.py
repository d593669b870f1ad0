"""Floor 1 · smtp — the server side of SMTP and LMTP, without input or output.

Theory of operation. Bytes go in by `receive`, or by `next_event`, which says what they mean, one event at a
time; the shell answers by `reply`; `output` gathers everything that is to be written (`data_to_send` takes it),
so that a batch of pipelined commands costs one write. While an event waits for its answer
nothing more is parsed, because the answer decides how the next command is to be taken.

One reader is in charge at any moment (`_read`): of commands, of data, of a BDAT chunk or
of a SASL answer, or one that reads nothing, before the banner and behind the end. A reader returns an event, or None when it needs more bytes, or AGAIN when it
has dealt with something by itself and wants to be called again.

What the core refuses by itself (syntax, order, size, line ends) it answers by itself, with
replies of the register. Order rules are in `states.py`, line ends in `lines.py`, content in
`content.py`, parameters in `params.py`. What must be bounded is bounded by `Limits`.

Over the house's 450 lines on purpose: this is one machine, and its commands, answers and readers
are understood only side by side.
"""

from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Callable, Sequence
from dataclasses import replace
from enum import Enum
from typing import Final, Literal

from mailrail.model import Body, LocalProtocolError, Reply
from mailrail.model import reply as say
from mailrail.smtp import events
from mailrail.smtp.commands import KEPT, command_words, read_mail, read_rcpt
from mailrail.smtp.content import ContentGate
from mailrail.smtp.limits import Limits
from mailrail.smtp.lines import plain_message
from mailrail.smtp.offer import Offers
from mailrail.smtp.params import ParameterError
from mailrail.smtp.states import NEXT, Accepted, State, allows
from mailrail.smtp.xclient import OFFER as XCLIENT
from mailrail.smtp.xclient import parse_xclient

_CRLF: Final = b"\r\n"
# Bound once: Python 3.11 takes 70 ns to find a member in its class, and a message asks hundreds of times.
S_FRESH, S_GREETED, S_IDLE, S_MAIL, S_RCPT, S_DATA, S_CHUNKS, S_AUTH, S_HANDSHAKE, S_OVER = State
(
    A_BANNER, A_HELLO, A_MAIL, A_RCPT, A_DATA, A_CHUNK, A_END_OF_DATA, A_RSET, A_STARTTLS, A_TLS_UP,
    A_AUTH, A_AUTH_OVER, A_XCLIENT, A_QUIT
) = Accepted  # fmt: skip
B_SEVEN_BIT, B_BINARY = Body.SEVEN_BIT, Body.BINARY
_TLS_HANDSHAKE: Final = b"\x16"  # RFC 8446 §5.1: the first octet of a record that carries a ClientHello
# RFC 2920 §3.1: these end a group; whoever sends more behind them does not wait for answers.
_ENDS_GROUP: Final = frozenset(
    {"EHLO", "HELO", "LHLO", "DATA", "VRFY", "EXPN", "NOOP", "HELP", "AUTH", "XCLIENT"}
)
# A10: a web browser or another protocol was led to our port (ALPACA).
_OTHER_PROTOCOLS: Final = frozenset(
    {"GET", "POST", "PUT", "HEAD", "DELETE", "OPTIONS", "PATCH", "TRACE", "CONNECT", "HOST:", "PRI"}
)
# A client that does not read RCPTMAX may have as many again, and is no attacker. Source: Postfix smtpd_recipient_overshoot_limit.
_OVERSHOOT: Final = 1000
_REFUSALS: Final = 31  # kept beside the newest; a shell that tells them takes them after each batch
_BDAT_DIGITS: Final = 12  # a terabyte; a longer number is garbage, and what follows it unknowable
_SHORT_LINE: Final = 512  # octets
_NO_KEYWORDS: Final[frozenset[str]] = frozenset()
_DATA_START: Final = events.DataStart(is_chunking=False)  # the same each time, so made once


class _Again(Enum):
    AGAIN = 0


AGAIN: Final = _Again.AGAIN
Read = events.Event | Literal[_Again.AGAIN] | None
Command = tuple[Callable[["ServerConnection", str, str], Read], str, str]


class ServerConnection:
    """One SMTP or LMTP session seen from the server.

    Attributes:
        hello_name: what the client calls itself; "" before EHLO.
        is_esmtp: it said EHLO (or LHLO).
        is_tls: the session is under TLS.
        is_authenticated: AUTH succeeded.
        may_run_ahead: the client may ignore the order of pipelining (A7): it is trusted, or has logged in.
        is_stranger: nothing speaks for the client, neither its address nor a login: it may send fewer messages.
        latest_release: until when messages may be kept back, as RFC 3339 writes it; said in the answer to EHLO where that
            is offered (RFC 4865).
        takes_xclient: the client is a proxy that may say for whom it speaks.
        errors: bad commands so far, forgiven when a message is accepted.
        refusals: commands that the core refused by itself, the latest few, until the shell empties it.
        farewell: the reply that ended the session, None while it goes on.
        is_troubled: the core has counted a mistake, or is over, since the shell said False here: `errors`, `refusals` and
            `farewell` tell more.
        output: what is to be written; whoever takes it empties it.
        asked: what the event that waits for `reply` is about, None when nothing waits.
        is_dry: behind the event that waits, there is no other before more bytes come; False where that is not known.
    """

    __slots__ = (
        "_accepted", "_at", "_body", "_buffer", "_chunk_fault", "_chunk_left", "_chunk_size", "_gate",
        "_hello_rest", "_hello_verb", "_is_last_chunk", "_is_lmtp", "_is_refused", "_is_run_on", "_junk",
        "_keywords", "_limits", "_line_bytes", "_messages", "_offers", "_overshoot", "_read", "_smtputf8",
        "_state", "asked", "errors", "farewell", "hello_name", "is_authenticated", "is_dry", "is_esmtp",
        "is_stranger", "is_tls", "is_troubled", "latest_release", "may_run_ahead", "output", "refusals",
        "takes_xclient",
    )  # fmt: skip

    def __init__(
        self, limits: Limits, offers: Offers, *, is_lmtp: bool = False, is_tls: bool = False
    ) -> None:
        self.hello_name = ""
        self.is_esmtp = False
        self.is_tls = is_tls
        self.is_authenticated = False
        self.may_run_ahead = False
        self.is_stranger = False
        self.latest_release = ""
        self.takes_xclient = False
        self.errors = 0
        self.refusals: tuple[Reply, ...] = ()
        self.farewell: Reply | None = None
        self.asked: Accepted | None = None
        self.is_dry = False
        self.is_troubled = False
        self.output = b""
        self._limits = limits
        self._line_bytes = limits.command_line_bytes
        self._offers = offers
        self._keywords = _NO_KEYWORDS  # what EHLO was told of
        self._is_lmtp = is_lmtp
        self._state = S_FRESH
        self._buffer = b""  # empty once all of it was looked at
        self._at = 0  # how far that is
        self._read: Callable[[], Read] = self._read_nothing
        self._is_refused = False  # the line that is coming in was refused already: drop the rest of it
        self._is_run_on = False  # an LF alone came: what stands up to the next CRLF is no command
        self._junk = 0
        self._messages = 0
        self._smtputf8 = False
        self._body = B_SEVEN_BIT
        self._chunk_fault: Reply | None = None
        self._chunk_size = 0
        self._chunk_left = 0
        self._is_last_chunk = False
        self._forget()

    def _forget(self) -> None:
        """Begin without a transaction. What MAIL and BDAT say is read only behind them, and stays."""
        self._accepted = 0
        self._overshoot = 0
        self._gate: ContentGate | None = None

    # --- The shell's side -----------------------------------------------------------

    @property
    def state(self) -> State:
        """Where the session stands."""
        return self._state

    @property
    def auth_mechanisms(self) -> tuple[str, ...]:
        """SASL mechanisms that this listener offers."""
        return self._offers.offer.auth_mechanisms

    @property
    def future_release_s(self) -> int:
        """For how long messages may be kept back here; 0: not at all."""
        return self._offers.offer.future_release_s

    @property
    def is_over(self) -> bool:
        """Tell whether the connection is to be closed once the output is written."""
        return self._state is S_OVER

    @property
    def buffered(self) -> int:
        """Octets received and not yet looked at; the shell stops reading while it answers."""
        return len(self._buffer) - self._at

    def greet(self, reply: Reply) -> None:
        """Say the banner: 220 (GREETING) or a refusal (RFC 5321 §3.1).

        Raises:
            LocalProtocolError: it was said already.
        """
        if self._state is not S_FRESH:
            raise LocalProtocolError("the greeting was already said")
        if self._buffer and not self.may_run_ahead:
            reply = say.EARLY_TALKER
        if reply.is_positive:
            self._say(reply)
            self._step(A_BANNER)
            self._read = self._read_first
        else:
            self.close_with(reply)

    def receive(self, data: bytes) -> None:
        """Take bytes from the peer, to be looked at later."""
        self._buffer = self._buffer[self._at :] + data if self._buffer else data
        self._at = 0
        self.is_dry = False

    def next_event(self, data: bytes = b"") -> events.Event | None:
        """Return the next event, or None when more bytes or an answer are needed.

        Args:
            data: what has come from the peer, as by `receive`.
        """
        if data:
            if self._buffer:
                self.receive(data)
            else:
                self._buffer = data
        while self.asked is None:
            found = self._read()
            if found is not AGAIN:
                return found
        return None

    def reply(self, reply: Reply) -> bool:
        """Answer the event that waits, and return whether that was positive.

        Raises:
            LocalProtocolError: nothing waits, or *reply* would mislead the client; close the session then.
        """
        step, self.asked = self.asked, None
        if step is None:
            raise LocalProtocolError("nothing waits for an answer")
        if reply.code < 400:
            _ACCEPTING[step](self, step, reply)
            return True
        if reply.code == 421:
            self.close_with(reply)
        else:
            _REFUSING[step](self, reply)
        return False

    def reply_each(self, replies: Sequence[Reply]) -> None:
        """Answer EndOfData of LMTP: one reply for each accepted recipient, in order (RFC 2033 §4.2).

        Raises:
            LocalProtocolError: not the end of data, not LMTP, or another number of replies.
        """
        if not self._is_lmtp or self.asked is not A_END_OF_DATA or len(replies) != self._accepted:
            raise LocalProtocolError(
                f"one reply for each recipient is for the end of data by LMTP, with {self._accepted} recipients;"
                f" got {len(replies)}"
            )
        self.asked = None
        self.output += b"".join([reply.wire for reply in replies])
        if any(reply.is_positive for reply in replies):
            self.errors = self._junk = 0
        self._message_done()

    def close_with(self, reply: Reply) -> None:
        """End the session from our side: say *reply* (421 or 5yz) and be over."""
        if self._state is not S_OVER:
            self.asked = None
            self.farewell = reply
            self.is_troubled = True
            self._say(reply)
            self._step(A_QUIT)
            self._read = self._read_nothing

    def tls_started(self) -> None:
        """Know that the handshake succeeded: everything said before is forgotten (RFC 3207 §4.2)."""
        self._step(A_TLS_UP)
        self.is_tls = True
        self.is_esmtp = False
        self.hello_name = ""
        self._buffer, self._at = b"", 0
        self._forget()

    def data_to_send(self) -> bytes:
        """Return what is to be written now, and forget it."""
        output, self.output = self.output, b""
        return output

    # --- Saying and counting ----------------------------------------------------------

    def _say(self, reply: Reply) -> None:
        self.output += reply.wire

    def _step(self, step: Accepted) -> None:
        self._state = NEXT[self._state][step]

    def _ask(self, step: Accepted) -> None:
        self.asked = step

    def _have_read(self, end: int) -> None:
        """Know that all up to *end* was looked at."""
        if end == len(self._buffer):
            self._buffer, self._at = b"", 0
        else:
            self._at = end

    def _error(self, reply: Reply) -> Literal[_Again.AGAIN]:
        """Answer a bad command by ourselves."""
        self.refusals = (*self.refusals[-_REFUSALS:], reply)
        self._say(reply)
        self._count_error()
        return AGAIN

    def _count_error(self) -> None:
        self.errors += 1
        self.is_troubled = True
        if self.errors >= self._limits.errors:
            self.close_with(say.TOO_MANY_ERRORS)

    def _count_junk(self) -> bool:
        """Count a command that moves no mail; True when it was one too many (A41)."""
        self._junk += 1
        if self._junk > self._limits.junk:
            self.close_with(say.TOO_MUCH_JUNK)
            return True
        return False

    # --- Commands -----------------------------------------------------------------------

    def _read_nothing(self) -> Read:
        """Wait for the banner; or be over, and drop what still comes."""
        if self._state is S_OVER:
            self._buffer, self._at = b"", 0
        return None

    def _read_first(self) -> Read:
        """Read the first command; what stands first may be the ClientHello of TLS, come to a plain port (A11)."""
        if not self._buffer:
            return None
        if self._buffer.startswith(_TLS_HANDSHAKE, self._at):
            self.close_with(say.NOT_SMTP)
            return None
        self._read = self._read_command
        return self._read_command()

    def _read_command(self) -> Read:
        buffer = self._buffer
        found = _KNOWN.get(buffer)
        if found is not None and not (self._at or self._is_refused or self._is_run_on):
            # What was read is one line, as another session has said it: nearly always.
            self._buffer = b""
            self.is_dry = True
            command, verb, rest = found
            return command(self, verb, rest)
        end = buffer.find(b"\n", self._at) + 1
        if end == 0:
            if buffer:
                self._bound_line(self._line_bytes)
            return None
        line = buffer[self._at : end]
        self._have_read(end)
        self.is_dry = is_last = not self._buffer
        if line[-2:] != _CRLF or self._is_refused or self._is_run_on:
            return self._read_broken_line(line)
        if len(line) > self._line_bytes:
            return self._error(say.LINE_TOO_LONG)
        command, verb, rest = _command(line)
        if not is_last and verb in _COMMANDS and self._runs_ahead(verb):
            self.close_with(say.EARLY_TALKER)
            return None
        return command(self, verb, rest)

    def _bare(self, verb: str, rest: str) -> Read:
        return self._error(say.BARE_LINE_END)

    def _garbled(self, verb: str, why: str) -> Read:
        """Refuse a line of octets that no command has."""
        return self._error(say.BAD_ARGUMENTS.with_text(why))

    def _read_broken_line(self, line: bytes) -> Read:
        """Refuse a line that ends with a bare LF, each time one comes, and all that stands up to the next CRLF."""
        is_refused, self._is_refused = self._is_refused, False
        is_end, self._is_run_on = self._is_run_on, line[-2:] != _CRLF
        if is_refused:
            return AGAIN
        if len(line) > self._line_bytes:
            return self._error(say.LINE_TOO_LONG)
        if is_end and not self._is_run_on:
            return AGAIN
        return self._error(say.BARE_LINE_END)

    def _bound_line(self, limit: int) -> None:
        """Bound a line that does not end: refuse it once, then drop what comes until it ends (A13)."""
        if len(self._buffer) - self._at > limit or self._is_refused:
            self._buffer, self._at = b"\r" if self._buffer.endswith(b"\r") else b"", 0
            if not self._is_refused:
                self._is_refused = True
                self._error(say.LINE_TOO_LONG)

    def _runs_ahead(self, verb: str) -> bool:
        """Tell whether a client that sent more behind *verb* broke the rules of pipelining (A7)."""
        if self.may_run_ahead:
            return False
        return verb in _ENDS_GROUP or (bool(self.hello_name) and not self.is_esmtp)

    def _unknown(self, verb: str, rest: str) -> Read:
        if verb in _OTHER_PROTOCOLS or verb.startswith("SSH-"):
            self.close_with(say.NOT_SMTP)
            return None
        return self._error(say.UNKNOWN_COMMAND)

    def _refuse_order(self) -> Read:
        return self._error(say.HELLO_FIRST if self._state is S_GREETED else say.BAD_SEQUENCE)

    def _hello(self, verb: str, rest: str) -> Read:
        if (verb == "LHLO") is not self._is_lmtp:
            return self._error(say.UNKNOWN_COMMAND)
        if not allows(self._state, A_HELLO):
            return self._refuse_order()
        if not rest or " " in rest or len(rest) > 255:
            return self._error(say.BAD_ARGUMENTS.with_text(f"{verb} wants your host name"))
        if self._count_junk():
            return None
        self._hello_verb, self._hello_rest = verb, rest
        self._ask(A_HELLO)
        return events.Hello(verb, rest)

    def _accept_hello(self, step: Accepted, reply: Reply) -> None:
        self._step(step)
        self._forget()
        self.hello_name = self._hello_rest
        self.is_esmtp = self._hello_verb != "HELO"
        offers = self._offers
        if self.is_esmtp:
            self._keywords = offers.keywords_under_tls if self.is_tls else offers.keywords_in_clear
            offer = offers.hello(is_tls=self.is_tls, is_stranger=self.is_stranger)
            self._say(self._with_own(offer) if self.takes_xclient or self.latest_release else offer)
        else:
            self._keywords = _NO_KEYWORDS
            self._say(offers.plain)

    def _with_own(self, offer: Reply) -> Reply:
        """Return *offer* with what only this session is offered, or only now."""
        lines = [offer.text]
        if self.latest_release:
            lines.append(f"FUTURERELEASE {self.future_release_s} {self.latest_release}")
        if self.takes_xclient:
            lines.append(XCLIENT)
        return offer.with_text("\n".join(lines))

    def _mail(self, verb: str, rest: str) -> Read:
        if A_MAIL not in NEXT[self._state]:
            return self._refuse_order()
        if self._messages >= self._offers.fewest_messages and self._has_sent_enough():
            self.close_with(say.ENOUGH_MESSAGES)
            return None
        mail = read_mail(rest, self._keywords)
        if isinstance(mail, Reply):
            return self._error(mail)
        parameters = mail.parameters
        if parameters.size_bytes is not None and parameters.size_bytes > self._limits.message_bytes:
            return self._error(say.TOO_BIG)
        by = parameters.deliver_by
        if by is not None and by.returns and by.by_s < self._offers.offer.deliver_by_s:
            return self._error(say.TIME_TOO_SHORT)
        self._smtputf8, self._body = parameters.smtputf8, parameters.body
        self.asked = A_MAIL
        return mail

    def _has_sent_enough(self) -> bool:
        return self._messages >= self._offers.offer.most_messages(is_stranger=self.is_stranger)

    def _rcpt(self, verb: str, rest: str) -> Read:
        if A_RCPT not in NEXT[self._state]:
            return self._refuse_order()
        rcpt = read_rcpt(rest, self._keywords, self._smtputf8)
        if isinstance(rcpt, Reply):
            return self._error(rcpt)
        if self._accepted >= self._limits.recipients:
            return self._refuse_overshoot()
        self.asked = A_RCPT
        return rcpt

    def _refuse_overshoot(self) -> Read:
        """Refuse a recipient over the limit; those accepted stay (A21)."""
        self._overshoot += 1
        if self._overshoot > _OVERSHOOT:
            return self._error(say.TOO_MANY_RECIPIENTS)
        self._say(say.TOO_MANY_RECIPIENTS)
        return AGAIN

    def _accept_rcpt(self, step: Accepted, reply: Reply) -> None:
        self.output += reply.wire
        self._accepted += 1
        self._state = NEXT[self._state][step]

    def _refuse_rcpt(self, reply: Reply) -> None:
        if self._accepted:
            self._say(reply)  # guessing at addresses counts as error; a list with some stale members does not
        else:
            self._refuse(reply)

    def _accept(self, step: Accepted, reply: Reply) -> None:
        self.output += reply.wire
        self._state = NEXT[self._state][step]

    def _refuse(self, reply: Reply) -> None:
        self._say(reply)
        if reply.is_permanent:  # "try again later" is no mistake of the client's
            self._count_error()

    def _data(self, verb: str, rest: str) -> Read:
        if rest:
            return self._error(say.BAD_ARGUMENTS.with_text("DATA takes no argument"))
        if A_DATA not in NEXT[self._state]:
            return self._error(say.NO_RECIPIENTS) if self._state is S_MAIL else self._refuse_order()
        if self._body is B_BINARY:
            return self._error(say.BINARY_NEEDS_BDAT)
        self.asked = A_DATA
        return _DATA_START

    def _accept_data(self, step: Accepted, reply: Reply) -> None:
        if reply.code != 354:
            # The client would wait for our next answer, and we take its commands for content.
            raise LocalProtocolError(f"DATA wants 354 or a refusal, not {reply}")
        self.output += reply.wire
        self._state = NEXT[self._state][step]
        self._read = self._read_data

    def _reset(self, verb: str, rest: str) -> Read:
        if rest:
            return self._error(say.BAD_ARGUMENTS.with_text("RSET takes no argument"))
        if not allows(self._state, A_RSET):
            return self._refuse_order()
        if self._count_junk():
            return None
        self._step(A_RSET)
        self._forget()
        self._say(say.DONE)
        return events.Reset()

    def _noop(self, verb: str, rest: str) -> Read:
        if not self._count_junk():
            self._say(say.HELP_TEXT if verb == "HELP" else say.DONE)
        return AGAIN

    def _verify(self, verb: str, rest: str) -> Read:
        if self._count_junk():
            return None
        if not rest:
            return self._error(say.BAD_ARGUMENTS.with_text("VRFY wants an address"))
        self._ask(A_BANNER)  # any answer leaves the state as it is
        return events.Verify(rest)

    def _accept_verify(self, step: Accepted, reply: Reply) -> None:
        self._say(reply)

    def _quit(self, verb: str, rest: str) -> Read:
        self._buffer, self._at = b"", 0
        self.close_with(say.GOODBYE)
        return None

    def _not_implemented(self, verb: str, rest: str) -> Read:
        return self._error(say.NOT_IMPLEMENTED)

    # --- STARTTLS, AUTH and XCLIENT ----------------------------------------------------------------

    def _starttls(self, verb: str, rest: str) -> Read:
        if rest:
            return self._error(say.BAD_ARGUMENTS.with_text("STARTTLS takes no argument"))
        if self.is_tls:
            return self._error(say.ALREADY_TLS)
        if not self._offers.offer.has_tls:
            return self._error(say.NOT_IMPLEMENTED)
        if not allows(self._state, A_STARTTLS) or self.is_authenticated:
            return self._error(say.TLS_TOO_LATE)
        if self._refuse_behind_starttls():
            return None
        self._ask(A_STARTTLS)
        return events.StartTls()

    def _refuse_behind_starttls(self) -> bool:
        """Drop what was sent behind STARTTLS, and the session with it (A8, CVE-2011-0411).

        Our answer may have taken time: what came meanwhile is not the handshake either.
        """
        if not self._buffer:
            return False
        self._buffer, self._at = b"", 0
        self.close_with(say.PIPELINED_TLS)
        return True

    def _accept_starttls(self, step: Accepted, reply: Reply) -> None:
        if not self._refuse_behind_starttls():
            self._accept(step, reply)

    def _refuse_starttls(self, reply: Reply) -> None:
        if not self._refuse_behind_starttls():
            self._refuse(reply)

    def _xclient(self, verb: str, rest: str) -> Read:
        if not self.takes_xclient:
            return self._error(say.XCLIENT_DENIED)
        if not allows(self._state, A_XCLIENT):
            return self._refuse_order()
        try:
            facts = parse_xclient(rest)
        except ParameterError as error:
            return self._error(say.BAD_ARGUMENTS.with_text(str(error)))
        self._ask(A_XCLIENT)
        return events.Xclient(facts)

    def _accept_xclient(self, step: Accepted, reply: Reply) -> None:
        self._accept(step, reply)
        self.is_esmtp = False
        self.hello_name = ""
        self._forget()

    def _refuse_xclient(self, reply: Reply) -> None:
        # RFC 5321 §3.1: no greeting has another code
        self.close_with(replace(reply, code=421) if reply.is_temporary else reply)

    def _auth(self, verb: str, rest: str) -> Read:
        offer = self._offers.offer
        if self.is_authenticated:
            return self._error(say.ALREADY_AUTH)
        if not offer.auth_mechanisms:
            return self._error(say.NOT_IMPLEMENTED)
        if not offer.shows_auth(is_tls=self.is_tls):
            return self._error(say.AUTH_NEEDS_TLS)
        if not allows(self._state, A_AUTH):
            return self._refuse_order()
        mechanism, _, initial = rest.partition(" ")
        if not mechanism.isascii() or mechanism.upper() not in offer.auth_mechanisms:
            return self._error(say.UNKNOWN_MECHANISM)
        response: bytes | None = None
        if initial:
            response = b"" if initial == "=" else _unbase64(initial.encode())
            if response is None:
                return self._error(say.AUTH_BAD_BASE64)
        self._step(A_AUTH)
        self._ask(A_AUTH)
        return events.Auth(mechanism.upper(), response)

    def _accept_auth(self, step: Accepted, reply: Reply) -> None:
        self._say(reply)
        if reply.code == say.AUTH_CONTINUE.code:
            self._read = self._read_auth
            return
        self._auth_over()
        self.is_authenticated = self.may_run_ahead = True
        self.is_stranger = False

    def _refuse_auth(self, reply: Reply) -> None:
        self._auth_over()
        self._refuse(reply)

    def _auth_over(self) -> None:
        self._step(A_AUTH_OVER)
        self._read = self._read_command

    def _read_auth(self) -> Read:
        end = self._buffer.find(b"\n", self._at)
        if end < 0 or end - self._at >= self._limits.auth_line_bytes:
            if len(self._buffer) - self._at > self._limits.auth_line_bytes:
                # Nobody needs more than 12288 octets; what follows would be read as commands.
                self.close_with(say.AUTH_LINE_TOO_LONG)
            return None
        line = self._buffer[self._at : end + 1]
        self._have_read(end + 1)
        self.is_dry = not self._buffer
        self._is_run_on = line[-2:] != _CRLF
        response = None if self._is_run_on else _unbase64(line[:-2])
        if response is None:
            self._auth_over()
            self._error(say.AUTH_CANCELLED if line == b"*\r\n" else say.AUTH_BAD_BASE64)
            return events.AuthCancelled()
        self._ask(A_AUTH)
        return events.AuthResponse(response)

    # --- Content --------------------------------------------------------------------------

    def _read_data(self) -> Read:
        buffer = self._buffer
        if not buffer:
            return None
        if self._at:
            buffer = buffer[self._at :]
            self._at = 0
        gate = self._gate
        if gate is None:
            limits = self._limits
            whole = plain_message(buffer, limits.message_bytes, limits.text_line_bytes)
            if whole is not None:
                content, self._buffer = whole
                return self._end_of_data(content, True)
            gate = self._gate = ContentGate(limits, self._body)
        content, rest = gate.dots(buffer)
        self._buffer = rest or b""
        if rest is None:
            return events.Chunk(content) if content else AGAIN
        if gate.fault is None:
            return self._end_of_data(content, gate.is_plain())
        self._read = self._read_command
        return self._refuse_content(gate.fault)

    def _end_of_data(self, content: bytes, is_plain: bool) -> events.EndOfData:
        self._read = self._read_command
        self.asked = A_END_OF_DATA
        self.is_dry = not self._buffer
        return events.EndOfData(content, is_plain)

    def _refuse_content(self, fault: Reply) -> Read:
        self._say_to_all(fault)
        self._step(A_END_OF_DATA)
        self._forget()
        if fault.is_permanent:
            self._count_error()
        return events.Refused(fault)

    def _say_to_all(self, reply: Reply) -> None:
        """Answer the end of data: once, or by LMTP for each recipient (RFC 2033 §4.2)."""
        self.output += reply.wire * self._accepted if self._is_lmtp else reply.wire

    def _accept_end(self, step: Accepted, reply: Reply) -> None:
        self._say_to_all(reply)
        self.errors = self._junk = 0
        self._message_done()

    def _refuse_end(self, reply: Reply) -> None:
        self._say_to_all(reply)
        self._message_done()

    def _message_done(self) -> None:
        self._state = NEXT[self._state][A_END_OF_DATA]
        self._forget()
        self._messages += 1
        if self._buffer and not self.is_esmtp and not self.may_run_ahead:
            self.close_with(say.EARLY_TALKER)  # A7: behind HELO nothing may come before our answer

    # --- BDAT (RFC 3030 §2) ------------------------------------------------------------------

    def _bdat(self, verb: str, rest: str) -> Read:
        size, _, last = rest.partition(" ")
        is_number = rest.isascii() and size.isdigit() and len(size) <= _BDAT_DIGITS
        if not is_number or last.upper() not in ("", "LAST"):
            # A20: how much follows cannot be known, and it must not be taken for commands.
            self.close_with(say.BAD_ARGUMENTS.with_text("Syntax: BDAT size [LAST]"))
            return None
        self._chunk_size = self._chunk_left = int(size)
        self._is_last_chunk = bool(last)
        if not self._chunk_size and not last and self._count_junk():  # A20: it could go on for ever
            return None
        self._read = self._read_chunk
        self.is_dry = False  # a chunk of nothing has come whole
        self._chunk_fault = self._refuse_chunk()
        if self._chunk_fault is None and self._gate is None:
            self._ask(A_CHUNK)
            return events.DataStart(is_chunking=True)
        return AGAIN

    def _refuse_chunk(self) -> Reply | None:
        """Return why a chunk is to be discarded unseen, or None."""
        if not allows(self._state, A_CHUNK):
            return say.NO_RECIPIENTS if self._state is S_MAIL else say.BAD_SEQUENCE
        if self._gate is not None and self._gate.fault is not None:
            return say.BDAT_AFTER_FAILURE
        so_far = self._gate.size_bytes if self._gate is not None else 0
        return say.TOO_BIG if so_far + self._chunk_size > self._limits.message_bytes else None

    def _accept_chunk(self, step: Accepted, reply: Reply) -> None:
        self._gate = ContentGate(self._limits, self._body)
        self._step(step)

    def _refuse_first_chunk(self, reply: Reply) -> None:
        self._chunk_fault = reply

    def _read_chunk(self) -> Read:
        if self._chunk_left == 0:
            return self._chunk_done()
        if not self._buffer:
            return None
        data = self._buffer[self._at : self._at + self._chunk_left]
        self._have_read(self._at + len(data))
        self._chunk_left -= len(data)
        if self._chunk_fault is not None:
            return AGAIN
        assert self._gate is not None
        content = self._gate.chunk(data)
        return events.Chunk(content) if content else AGAIN

    def _chunk_done(self) -> Read:
        gate, rest = self._gate, b""
        if gate is not None and self._is_last_chunk and self._chunk_fault is None:
            rest = gate.finish_chunks()
        self._read = self._read_command
        fault = self._chunk_fault or (gate.fault if gate is not None else None)
        if fault is not None:
            return self._chunk_refused(fault)
        if self._is_last_chunk:
            self._ask(A_END_OF_DATA)
            return events.EndOfData(rest)
        self._say(say.CHUNK_OK.with_text(f"{self._chunk_size} octets received"))
        return AGAIN

    def _chunk_refused(self, fault: Reply) -> Read:
        """Answer a chunk that was discarded; the transaction it belonged to waits for RSET."""
        if not allows(self._state, A_CHUNK):
            return self._error(fault)
        self._step(A_CHUNK)  # the first one, and perhaps the last, may have been refused before it was taken
        if self._is_last_chunk:
            return self._refuse_content(fault)
        if self._gate is None:
            self._gate = ContentGate(self._limits, self._body)
        self._gate.fault = self._gate.fault or fault
        self._say(fault)
        if fault.is_permanent:
            self._count_error()
        return AGAIN if fault is say.BDAT_AFTER_FAILURE else events.Refused(fault)


def _unbase64(text: bytes) -> bytes | None:
    """Decode base64 strictly, or return None."""
    try:
        return b64decode(text, validate=True)
    except (Base64Error, ValueError):
        return None


_COMMANDS: Final[dict[str, Callable[[ServerConnection, str, str], Read]]] = {
    "EHLO": ServerConnection._hello,
    "HELO": ServerConnection._hello,
    "LHLO": ServerConnection._hello,
    "MAIL": ServerConnection._mail,
    "RCPT": ServerConnection._rcpt,
    "DATA": ServerConnection._data,
    "BDAT": ServerConnection._bdat,
    "RSET": ServerConnection._reset,
    "NOOP": ServerConnection._noop,
    "HELP": ServerConnection._noop,
    "VRFY": ServerConnection._verify,
    "QUIT": ServerConnection._quit,
    "STARTTLS": ServerConnection._starttls,
    "AUTH": ServerConnection._auth,
    "XCLIENT": ServerConnection._xclient,
    "EXPN": ServerConnection._not_implemented,
    "TURN": ServerConnection._not_implemented,
    "ETRN": ServerConnection._not_implemented,
}


# Lines that came lately, for all sessions: what a line means depends on nothing else. A few MiB at the very most, and none
# is longer than every listener has to take (RFC 5321 §4.5.3.1.4).
_KNOWN: Final[dict[bytes, Command]] = {}
# Never AUTH: a secret is forgotten once it was looked at.
_COMES_AGAIN: Final = frozenset({"EHLO", "HELO", "LHLO", "MAIL", "RCPT", "DATA", "RSET", "QUIT"})


def _command(line: bytes) -> Command:
    """Find who deals with *line*, which ends with CRLF, and what it is told: the verb in capitals, and its arguments."""
    found = _KNOWN.get(line)
    if found is None:
        words = command_words(line)
        if isinstance(words, str):
            # A CR among the octets is the worst fault (A1).
            is_bare = line.find(b"\r", 0, -2) >= 0
            return ServerConnection._bare if is_bare else ServerConnection._garbled, "", words
        found = _COMMANDS.get(words[0], ServerConnection._unknown), *words
        # Of commands only: behind an AUTH that was refused the client's secrets come as lines.
        if words[0] in _COMES_AGAIN and len(line) <= _SHORT_LINE:
            if len(_KNOWN) >= KEPT:
                _KNOWN.clear()
            _KNOWN[line] = found
    return found


# What a positive answer comes to, and a refusal.
_ACCEPTING: Final[dict[Accepted, Callable[[ServerConnection, Accepted, Reply], None]]] = {
    A_MAIL: ServerConnection._accept,
    A_HELLO: ServerConnection._accept_hello,
    A_RCPT: ServerConnection._accept_rcpt,
    A_DATA: ServerConnection._accept_data,
    A_CHUNK: ServerConnection._accept_chunk,
    A_END_OF_DATA: ServerConnection._accept_end,
    A_STARTTLS: ServerConnection._accept_starttls,
    A_AUTH: ServerConnection._accept_auth,
    A_XCLIENT: ServerConnection._accept_xclient,
    A_BANNER: ServerConnection._accept_verify,
}
_REFUSING: Final[dict[Accepted, Callable[[ServerConnection, Reply], None]]] = {
    A_MAIL: ServerConnection._refuse,
    A_HELLO: ServerConnection._refuse,
    A_RCPT: ServerConnection._refuse_rcpt,
    A_DATA: ServerConnection._refuse,
    A_CHUNK: ServerConnection._refuse_first_chunk,
    A_END_OF_DATA: ServerConnection._refuse_end,
    A_STARTTLS: ServerConnection._refuse_starttls,
    A_AUTH: ServerConnection._refuse_auth,
    A_XCLIENT: ServerConnection._refuse_xclient,
    A_BANNER: ServerConnection._say,
}

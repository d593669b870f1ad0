"""Floor 1 · smtp — what a client may say and hear when.

The table is the whole truth about the order of a session: no other file may change a state. An
intent that does not stand in the row of the present state is a LocalProtocolError, a happening
that does not is a RemoteProtocolError. CLOSE stands in every row: it leads to OVER.

The state is where *we* stand; which reply answers which command under pipelining is kept in the
ledger of `client.py`, a queue of stages.
"""

from enum import Enum, IntEnum, auto
from typing import Final


class Stage(Enum):
    """What a reply answers, and how far a session or a transaction came."""

    # Enum's own hash is Python code, and the tables of deadlines ask it for every reply.
    __hash__ = object.__hash__

    CONNECT = "connect"
    GREETING = "greeting"
    HELLO = "hello"
    TLS = "tls"
    AUTH = "auth"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    CONTENT = "content"  # while it is sent; the reply to a BDAT that is not the last
    END = "end-of-data"  # from here on a lost connection may mean a delivered message (A59)
    RSET = "rset"
    QUIT = "quit"


class State(IntEnum):
    """Where a session stands (RFC 5321 §4.1.4, RFC 2033 §4)."""

    GREETING = auto()  # connected, waiting for 220
    UNWELCOME = auto()  # the greeting was a refusal
    GREETED = auto()  # nothing said yet, or all forgotten by TLS
    HELLO = auto()  # EHLO, HELO or LHLO sent
    IDLE = auto()  # between transactions
    STARTTLS = auto()  # STARTTLS sent
    HANDSHAKE = auto()  # 220 to STARTTLS came; TLS must come up now
    AUTH = auto()  # it is the server's turn in a SASL exchange
    CHALLENGED = auto()  # it is ours
    CANCELLED = auto()  # we gave the exchange up; no further challenge may come (RFC 4954 §4)
    ENVELOPE = auto()  # MAIL, RCPT, DATA sent or to be sent; replies owed
    CONTENT = auto()  # the peer waits for content
    CHUNK = auto()  # a BDAT that is not the last was sent (RFC 3030)
    VERDICT = auto()  # all content sent; the final reply is owed, or one for each recipient (LMTP)
    SPENT = auto()  # a transaction broke off; the peer may remember parts of it: RSET comes first
    RSET = auto()  # RSET sent
    QUITTING = auto()  # QUIT sent
    OVER = auto()


class Step(IntEnum):
    """What we do (intents), or what comes to pass (happenings)."""

    # intents
    SAY_HELLO = auto()
    SAY_STARTTLS = auto()
    TLS_UP = auto()
    SAY_AUTH = auto()
    RESPOND = auto()
    CANCEL = auto()
    BEGIN = auto()
    FOLLOW = auto()
    SEND_DATA = auto()
    SEND_CHUNK = auto()
    SEND_LAST = auto()
    SAY_RSET = auto()
    SAY_QUIT = auto()
    CLOSE = auto()
    # happenings
    WELCOMED = auto()
    TURNED_AWAY = auto()
    HELLO_TAKEN = auto()
    HELLO_REFUSED = auto()
    TLS_READY = auto()
    TLS_REFUSED = auto()
    CHALLENGE = auto()
    AUTH_OVER = auto()
    GO_AHEAD = auto()
    SETTLED = auto()  # the end of data was answered: nothing is left of the transaction
    BROKEN_OFF = auto()
    CLEARED = auto()
    GOODBYE = auto()


S, T = State, Step

_ROWS: Final[dict[State, dict[Step, State]]] = {
    S.GREETING: {T.WELCOMED: S.GREETED, T.TURNED_AWAY: S.UNWELCOME},
    S.UNWELCOME: {T.SAY_QUIT: S.QUITTING},
    S.GREETED: {T.SAY_HELLO: S.HELLO, T.SAY_QUIT: S.QUITTING},
    # A refused EHLO may be followed by HELO (RFC 5321 §3.2).
    S.HELLO: {T.HELLO_TAKEN: S.IDLE, T.HELLO_REFUSED: S.GREETED},
    S.IDLE: {
        T.SAY_HELLO: S.HELLO,
        T.SAY_STARTTLS: S.STARTTLS,
        T.SAY_AUTH: S.AUTH,
        T.BEGIN: S.ENVELOPE,
        T.SAY_RSET: S.RSET,
        T.SAY_QUIT: S.QUITTING,
    },
    S.STARTTLS: {T.TLS_READY: S.HANDSHAKE, T.TLS_REFUSED: S.IDLE},
    # RFC 3207 §4.2: TLS forgets everything, EHLO included.
    S.HANDSHAKE: {T.TLS_UP: S.GREETED},
    S.AUTH: {T.CHALLENGE: S.CHALLENGED, T.AUTH_OVER: S.IDLE},
    S.CHALLENGED: {T.RESPOND: S.AUTH, T.CANCEL: S.CANCELLED},
    S.CANCELLED: {T.AUTH_OVER: S.IDLE},
    S.ENVELOPE: {
        T.GO_AHEAD: S.CONTENT,
        # The last BDAT goes out with the envelope; a dot alone after 354 with no recipient.
        T.SEND_LAST: S.VERDICT,
        T.BROKEN_OFF: S.SPENT,
    },
    S.CONTENT: {T.SEND_DATA: S.CONTENT, T.SEND_CHUNK: S.CHUNK, T.SEND_LAST: S.VERDICT},
    S.CHUNK: {T.GO_AHEAD: S.CONTENT, T.BROKEN_OFF: S.SPENT},
    # RFC 2920 §3.1: a new group of commands may follow the content; its transaction begins when the verdict is there.
    S.VERDICT: {T.FOLLOW: S.VERDICT, T.SETTLED: S.IDLE, T.BROKEN_OFF: S.SPENT},
    S.SPENT: {T.BEGIN: S.ENVELOPE, T.SAY_RSET: S.RSET, T.SAY_QUIT: S.QUITTING},
    S.RSET: {T.CLEARED: S.IDLE},
    S.QUITTING: {T.GOODBYE: S.OVER},
    S.OVER: {},
}

NEXT: Final = {state: {**row, T.CLOSE: S.OVER} for state, row in _ROWS.items()}

"""Floor 1 · smtp — which command is allowed when (server role).

The table is the whole truth: no other file may change a state. What does not stand in
the row of the present state is answered 503. The enums are of integers because those hash
in C: the table is asked several times a command.
"""

from enum import IntEnum, auto
from typing import Final


class State(IntEnum):
    """Where a session stands (RFC 5321 §4.1.4, RFC 2033 §4)."""

    FRESH = auto()  # connected, greeting not sent
    GREETED = auto()  # 220 sent, no EHLO yet
    IDLE = auto()  # EHLO accepted, no transaction
    MAIL = auto()  # reverse-path known, no recipient
    RCPT = auto()  # at least one recipient accepted
    DATA = auto()  # reading message bytes until the dot
    CHUNKS = auto()  # some BDAT chunk was taken, not yet the last (RFC 3030)
    AUTH = auto()  # a SASL exchange is under way (RFC 4954)
    HANDSHAKE = auto()  # 220 to STARTTLS sent, TLS not yet up (RFC 3207)
    OVER = auto()  # QUIT, 421 or lost


class Accepted(IntEnum):
    """A step that we have answered positively."""

    BANNER = auto()
    HELLO = auto()
    MAIL = auto()
    RCPT = auto()
    DATA = auto()
    CHUNK = auto()
    END_OF_DATA = auto()
    RSET = auto()
    STARTTLS = auto()
    TLS_UP = auto()
    AUTH = auto()
    AUTH_OVER = auto()
    XCLIENT = auto()
    QUIT = auto()


S, A = State, Accepted

NEXT: Final[dict[State, dict[Accepted, State]]] = {
    S.FRESH: {A.BANNER: S.GREETED, A.QUIT: S.OVER},
    S.GREETED: {
        A.HELLO: S.IDLE,
        A.RSET: S.GREETED,
        A.STARTTLS: S.HANDSHAKE,
        A.XCLIENT: S.GREETED,
        A.QUIT: S.OVER,
    },
    S.IDLE: {
        A.HELLO: S.IDLE,
        A.MAIL: S.MAIL,
        A.RSET: S.IDLE,
        A.STARTTLS: S.HANDSHAKE,
        A.AUTH: S.AUTH,
        A.XCLIENT: S.GREETED,  # another client, which has said nothing yet
        A.QUIT: S.OVER,
    },
    # RFC 5321 §4.1.4: EHLO inside a transaction acts like RSET.
    S.MAIL: {A.HELLO: S.IDLE, A.RCPT: S.RCPT, A.RSET: S.IDLE, A.QUIT: S.OVER},
    S.RCPT: {
        A.HELLO: S.IDLE,
        A.RCPT: S.RCPT,
        A.DATA: S.DATA,
        A.CHUNK: S.CHUNKS,
        A.RSET: S.IDLE,
        A.QUIT: S.OVER,
    },
    S.DATA: {A.END_OF_DATA: S.IDLE, A.QUIT: S.OVER},
    # RFC 3030 §2: once BDAT has begun, DATA is out of order.
    S.CHUNKS: {A.HELLO: S.IDLE, A.CHUNK: S.CHUNKS, A.END_OF_DATA: S.IDLE, A.RSET: S.IDLE, A.QUIT: S.OVER},
    S.AUTH: {A.AUTH_OVER: S.IDLE, A.QUIT: S.OVER},
    # RFC 3207 §4.2: TLS forgets everything, EHLO included.
    S.HANDSHAKE: {A.TLS_UP: S.GREETED, A.QUIT: S.OVER},
    S.OVER: {},
}


def allows(state: State, step: Accepted) -> bool:
    """Tell whether *step* may happen in *state*; otherwise the reply is 503."""
    return step in NEXT[state]

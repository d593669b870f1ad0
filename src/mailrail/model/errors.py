"""Floor 0 · model — the exceptions that cross rooms.

Expected ends are values (Outcome, Reply, lookup results); an exception means a
broken rule or a failed door. Each door maps foreign exceptions to one of these.
"""

from enum import Enum, auto


class MailrailError(Exception):
    """Base of every exception that mailrail raises on purpose."""


class LocalProtocolError(MailrailError):
    """We were asked to break the protocol: a fault in the calling program, nothing was sent."""


class RemoteProtocolError(MailrailError):
    """The peer broke the protocol so that the session cannot go on."""


class AddressError(MailrailError, ValueError):
    """A text is not a mail address (RFC 5321 §4.1.2, RFC 6531 §3.3); the message says why."""


class NetTrouble(Enum):
    """What kind of door trouble the network reported."""

    REFUSED = auto()
    UNREACHABLE = auto()
    TIMEOUT = auto()
    RESET = auto()  # lost in the middle, or end of stream where more was owed
    TLS = auto()  # handshake or record failure, certificate not accepted
    EXHAUSTED = auto()  # our own descriptors or ports are used up
    OTHER = auto()


class NetError(MailrailError):
    """A connection could not be made, or was lost."""

    def __init__(self, trouble: NetTrouble, text: str) -> None:
        super().__init__(text)
        self.trouble = trouble


class DnsError(MailrailError):
    """A name could not be looked up.

    Args:
        name: what was asked.
        try_again: True for SERVFAIL, timeouts and garbage: the truth is not known now.
    """

    def __init__(self, name: str, text: str, *, try_again: bool) -> None:
        super().__init__(text)
        self.name = name
        self.try_again = try_again


class StoreTrouble(Enum):
    """What kind of trouble the spool reported."""

    FULL = auto()  # no space, no inodes, quota: 452 4.3.1
    FAILED = auto()  # input/output error, read-only: 451 4.3.0
    DAMAGED = auto()  # what is stored does not read back
    LOCKED = auto()  # another process owns this spool
    UNSUITABLE = auto()  # wrong version, wrong owner, SQLite too old


class StoreError(MailrailError):
    """The spool could not do what was asked; nothing was half done."""

    def __init__(self, trouble: StoreTrouble, text: str) -> None:
        super().__init__(text)
        self.trouble = trouble


class SettingsError(MailrailError):
    """The settings cannot be used; the message names file, line, key and mend."""

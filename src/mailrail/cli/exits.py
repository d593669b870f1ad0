"""Floor 5 · cli — how the program ends: codes of sysexits.h, and which trouble gets which."""

from enum import IntEnum

from mailrail.model import (
    AddressError,
    DnsError,
    MailrailError,
    NetError,
    SettingsError,
    StoreError,
    StoreTrouble,
)


class Exit(IntEnum):
    """Codes of sysexits.h, which mail programs have used since 1980."""

    OK = 0
    USAGE = 64  # the command line is wrong
    DATA = 65  # the input is wrong, or names nothing
    NO_USER = 67  # no such recipient
    UNAVAILABLE = 69  # a server or daemon does not answer or refuses
    IO = 74  # reading or writing failed
    TEMPORARY = 75  # try again later
    NO_PERMISSION = 77
    CONFIG = 78  # the settings are wrong
    INTERRUPTED = 130  # the shell's word for Ctrl-C


class CommandFailed(Exception):  # noqa: N818 -- it is how a command ends, not a fault
    """A command ends without success.

    Attributes:
        code: the program's exit code.
    """

    def __init__(self, code: Exit, text: str) -> None:
        super().__init__(text)
        self.code = code


_STORE_CODES = {
    StoreTrouble.FULL: Exit.TEMPORARY,
    StoreTrouble.LOCKED: Exit.TEMPORARY,
    StoreTrouble.FAILED: Exit.IO,
    StoreTrouble.DAMAGED: Exit.DATA,
    StoreTrouble.UNSUITABLE: Exit.CONFIG,
}


def code_of(error: MailrailError) -> Exit:
    """Return the exit code for *error*."""
    match error:
        case SettingsError():
            return Exit.CONFIG
        case _ if _is_forbidden(error):
            return Exit.NO_PERMISSION
        case AddressError():
            return Exit.DATA
        case StoreError():
            return _STORE_CODES[error.trouble]
        case DnsError():
            return Exit.TEMPORARY if error.try_again else Exit.UNAVAILABLE
        case _:
            return Exit.UNAVAILABLE


def _is_forbidden(error: MailrailError) -> bool:
    """Tell whether the system said no; of the operator's socket it said so to the network."""
    cause = error.__cause__
    return isinstance(cause.__cause__ if isinstance(cause, NetError) else cause, PermissionError)

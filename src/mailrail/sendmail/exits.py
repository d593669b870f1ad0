"""Floor 5 · sendmail — how the programs end: codes of sysexits.h, as plain numbers (the cli's are an Enum, which takes time)."""

OK = 0
USAGE = 64  # the command line is wrong
DATA = 65  # the message or an address is wrong
NO_USER = 67  # no such recipient
UNAVAILABLE = 69  # the server refuses
CANNOT_CREATE = 73  # there is no maildrop
IO = 74  # reading or writing failed
TEMPORARY = 75  # try again later
NO_PERMISSION = 77
CONFIG = 78  # the settings are wrong


class Stop(Exception):  # noqa: N818 -- it is how a program ends, not a fault
    """A program ends without success.

    Attributes:
        code: its exit code.
    """

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code

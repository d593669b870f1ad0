"""Floor 5 · sendmail — reads a command line as sendmail has always read it. Pure.

No argument parser of the library fits: `-t`, `-ti`, `-oi`, `-odb`, `-fann@example.org`, `-f ann@example.org`, `-O Option=value`, `-q`
and `-q30m` stand side by side, and programs have passed since 1983 what means nothing any more. That is taken and ignored; what would ask for
another kind of program (`-bd`) is refused, and so is what nobody knows. Source: sendmail(8) of Sendmail 8.17, sendmail(1) of Postfix 3.7 and
exim(8) 4.96, whose programs are called by the same name.
"""

from mailrail.sendmail.exits import USAGE, Stop

SEND = "send"
QUEUE = "queue"
FLUSH = "flush"
ALIASES = "aliases"
SMTP = "smtp"
VERIFY = "verify"
NOTHING = "nothing"

# By the name that the program is called by; all else sends.
MODE_OF_NAME = {"mailq": QUEUE, "newaliases": ALIASES}
_MODES = {
    "m": SEND,
    "p": QUEUE,
    "i": ALIASES,
    "s": SMTP,
    "v": VERIFY,
    "h": NOTHING,  # there is no database of what hosts are like
    "H": NOTHING,
}  # fmt: skip
_REFUSED_MODES = {
    "d": "this program is no daemon: start the server by mailrail serve",
    "D": "this program is no daemon: start the server by mailrail serve",
    "l": "this program is no daemon: start the server by mailrail serve",
    "t": "addresses are tested by mailrail explain ADDRESS",
    "a": "there is no ARPANET mode",
    "z": "settings need no freezing",
}
# What has an argument: behind the letter, or as the next word. Of those in _IGNORED it is taken and forgotten.
_WITH_ARGUMENT = frozenset("ABCDeFfhLNOpRrVX")
_IGNORED_WITH_ARGUMENT = frozenset("ADehLpX")
_IGNORED = frozenset("GmnsUx")
_NOTIFY = frozenset({"SUCCESS", "FAILURE", "DELAY"})


class Options:
    """A command line, read.

    Attributes:
        mode: what is asked for; one of the constants above.
        recipients: as given, each perhaps several.
        sender: of -f or -r, None without.
        name: of -F, "" without.
        takes_recipients: -t, those in the header too.
        ends_at_dot: a line with a dot alone ends the message.
        notify, ret, envid: wishes of RFC 3461, "" without.
        flushes: for -q: what is to be tried: "" all, or a letter (I, R, S) with what must be in the id, a recipient or the sender.
        settings: of -C, "" without.
        is_verbose: -v.
        as_json: -j, of mailq.
    """

    def __init__(self, mode: str) -> None:
        self.mode = mode
        self.recipients: list[str] = []
        self.sender: str | None = None
        self.name = ""
        self.takes_recipients = False
        self.ends_at_dot = True
        self.notify = ""
        self.ret = ""
        self.envid = ""
        self.flushes = ""
        self.settings = ""
        self.is_verbose = False
        self.as_json = False


def read_options(program: str, words: list[str]) -> Options:
    """Read the command line of a program.

    Args:
        program: the name it was called by, without its directory.
        words: what stands behind it.

    Raises:
        Stop: it cannot be obeyed; the text says why.
    """
    options = Options(MODE_OF_NAME.get(program.removeprefix("mailrail-"), SEND))
    reader = _Reader(options, words)
    while word := reader.option():
        reader.take(word)
    options.recipients = reader.rest()
    if options.recipients and options.mode not in (SEND, VERIFY):
        raise Stop(
            USAGE, f"{options.recipients[0]}: there is nothing to send here, so no recipient is wanted"
        )
    if options.takes_recipients and options.mode != SEND:
        raise Stop(USAGE, "-t takes recipients out of a message, and there is none here")
    return options


class _Reader:
    """Goes through the words; short letters may stand together."""

    def __init__(self, options: Options, words: list[str]) -> None:
        self._options = options
        self._words = words
        self._at = 0

    def option(self) -> str:
        """Return the next word if it is an option, else ""."""
        if self._at >= len(self._words):
            return ""
        word = self._words[self._at]
        if word == "--":
            self._at += 1
            return ""
        if len(word) < 2 or not word.startswith("-"):
            return ""
        self._at += 1
        return word

    def rest(self) -> list[str]:
        return self._words[self._at :]

    def take(self, word: str) -> None:
        """Obey the letters of *word*."""
        at = 1
        while at < len(word):
            letter = word[at]
            behind = word[at + 1 :]
            at += 1
            if letter == "q":
                self._flush(behind)
                return
            if letter == "b":
                self._mode(behind or self._next("-b"))
                return
            if letter == "o":
                self._set(behind or self._next("-o"))
                return
            if letter == "d":
                return  # -d0-4.1: what to trace
            if letter in _WITH_ARGUMENT:
                self._argument(letter, behind or self._next(f"-{letter}"))
                return
            self._flag(letter)

    def _next(self, option: str) -> str:
        if self._at >= len(self._words):
            raise Stop(USAGE, f"{option} wants an argument")
        self._at += 1
        return self._words[self._at - 1]

    def _flag(self, letter: str) -> None:
        options = self._options
        if letter == "t":
            options.takes_recipients = True
        elif letter == "i":
            options.ends_at_dot = False
        elif letter == "I":
            options.mode = ALIASES
        elif letter == "v":
            options.is_verbose = True
        elif letter == "j" and options.mode == QUEUE:
            options.as_json = True
        elif letter not in _IGNORED:
            raise Stop(USAGE, f"-{letter} is no option here; mailrail's manual lists those there are")

    def _mode(self, mode: str) -> None:
        refusal = _REFUSED_MODES.get(mode[0])
        if refusal is None and mode not in _MODES:
            refusal = "there is no such mode"
        if refusal is not None:
            raise Stop(USAGE, f"-b{mode}: {refusal}")
        self._options.mode = _MODES[mode]

    def _set(self, option: str) -> None:
        """Obey -oi and -oQ/dir: an option of one letter with its value behind it."""
        if option[0] == "i":
            self._options.ends_at_dot = False
        elif option[0] == "M" and len(option) > 1:
            self._next(
                f"-o{option}"
            )  # Exim's -oMr and its family: where the message comes from, as another word

    def _flush(self, what: str) -> None:
        options = self._options
        if what[:1].isdigit():
            # How often a daemon is to run its queue. Where that was meant, -bd has been refused.
            options.mode = NOTHING
            return
        if what and what[0] == "!":
            raise Stop(USAGE, f"-q{what}: say what is to be tried, not what is not")
        if what and (what[0] not in "IRSf" or (len(what) < 2 and what[0] != "f")):
            raise Stop(USAGE, f"-q{what}: write -q, -qIid, -qRrecipient or -qSsender")
        options.mode = FLUSH
        options.flushes = "" if what.startswith("f") else what

    def _argument(self, letter: str, value: str) -> None:
        options = self._options
        if letter in _IGNORED_WITH_ARGUMENT:
            return
        if letter in "fr":
            options.sender = value
        elif letter == "F":
            options.name = value
        elif letter == "C":
            options.settings = value
        elif letter == "O":
            self._long_option(value)
        elif letter == "B":
            if value.upper() not in ("7BIT", "8BITMIME"):
                raise Stop(USAGE, f"-B {value}: write 7BIT or 8BITMIME")
        elif letter == "N":
            options.notify = _notify(value)
        elif letter == "R":
            options.ret = _ret(value)
        elif letter == "V":
            options.envid = _envid(value)

    def _long_option(self, text: str) -> None:
        """Obey -O IgnoreDots=true; of the others none has a meaning here."""
        name, _, value = text.partition("=")
        if name.strip().lower() == "ignoredots" and value.strip().lower() in (
            "",
            "true",
            "t",
            "yes",
            "y",
            "1",
        ):
            self._options.ends_at_dot = False


def _notify(text: str) -> str:
    words = [word.strip().upper() for word in text.split(",")]
    if words == ["NEVER"]:
        return "NEVER"
    if not words or not _NOTIFY.issuperset(words):
        raise Stop(USAGE, f"-N {text}: write never, or of success, failure and delay those that are wanted")
    return ",".join(dict.fromkeys(words))


def _ret(text: str) -> str:
    if text.upper() in ("FULL", "HDRS"):
        return text.upper()
    if text.isdecimal():
        return ""  # Postfix: a limit for the size of what is returned, which it ignores
    raise Stop(USAGE, f"-R {text}: write full or hdrs")


def _envid(text: str) -> str:
    # RFC 3461 §4.4: printable characters, 100 at most when decoded.
    if not 0 < len(text) <= 100 or not all("!" <= letter <= "~" for letter in text):
        raise Stop(USAGE, "-V wants 1 to 100 printable characters without a space")
    return text

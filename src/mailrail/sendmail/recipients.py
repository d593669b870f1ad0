"""Floor 5 · sendmail — every recipient in To, Cc and Bcc, or on a command line.

The law: none is ever lost. Programs write lists in ways that no grammar knows, and what can be read is read: the obsolete forms of
RFC 5322 §4.4, a semicolon for a comma, a name without quotes. What cannot be read is told, and the message is not sent to the
others either, for nobody would notice who is missing. (`message.mailboxes` decides about rights, and therefore guesses at nothing.)
"""

_SPACE = frozenset(" \t\r\n")
_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$&'*+-/=?^_{|}~.")
_HOST = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.")
_ENDS = frozenset(' \t\r\n,;:<>()[]"\\')


def recipients_in(text: str) -> list[str]:
    """Return the addresses in *text*, a list of mailboxes and groups; one without a domain is a user of this machine.

    Raises:
        ValueError: some part cannot be read as an address; the text says which.
    """
    return [_checked(address) for address in _Scan(text).addresses()]


def sender_in(text: str) -> str:
    """Return the one address in *text*, "" for the null reverse-path.

    Raises:
        ValueError: there is another number of them, or it cannot be read.
    """
    if text.strip() in ("", "<>"):
        return ""
    found = recipients_in(text)
    if len(found) != 1:
        raise ValueError(f"{text!r} are {len(found)} addresses, and a message has one sender")
    return found[0]


class _Scan:
    """One pass over a list."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._found: list[str] = []
        self._words: list[str] = []  # of the mailbox that is being read; " " for space between them
        self._has_address = False  # it has had one in brackets already

    def addresses(self) -> list[str]:
        """Read all."""
        text = self._text
        while self._at < len(text):
            letter = text[self._at]
            if letter in _SPACE:
                self._at += 1
                self._words.append(" ")
            elif letter == "(":
                self._skip_comment()
                self._words.append(" ")
            elif letter == "<":
                self._take_bracketed()
            elif letter in ",;":
                self._at += 1
                self._end_mailbox()
            elif letter == ":":
                # What stood before is the name of a group (RFC 5322 §3.4); a mailbox list has no other colon.
                self._at += 1
                self._words.clear()
            else:
                self._words.append(self._word())
        self._end_mailbox()
        return self._found

    def _fail(self, why: str) -> ValueError:
        shown = self._text.strip()
        return ValueError(f"{shown[:200]!r}: {why}")

    def _word(self) -> str:
        """Read a quoted string, an address literal, or letters up to something that ends them."""
        text, start = self._text, self._at
        if text[start] == '"':
            self._at = self._behind('"', start + 1)
        elif text[start] == "[":
            self._at = self._behind("]", start + 1)
        else:
            while self._at < len(text) and text[self._at] not in _ENDS:
                self._at += 1
            if self._at == start:
                raise self._fail(f"{text[start]!r} where none may stand")
        return text[start : self._at]

    def _behind(self, end: str, at: int) -> int:
        text = self._text
        while at < len(text):
            if text[at] == "\\":
                at += 1
            elif text[at] == end:
                return at + 1
            at += 1
        raise self._fail(f"there is no {end} to what was begun")

    def _skip_comment(self) -> None:
        depth, text = 0, self._text
        while self._at < len(text):
            letter = text[self._at]
            if letter == "\\":
                self._at += 1
            elif letter == "(":
                depth += 1
            elif letter == ")":
                depth -= 1
            self._at += 1
            if depth == 0:
                return
        raise self._fail("a comment has no end")

    def _take_bracketed(self) -> None:
        """Read <address>; what stood before is a name. A source route in front is passed over (RFC 5322 §4.4)."""
        self._at += 1
        words: list[str] = []
        text = self._text
        while True:
            if self._at >= len(text):
                raise self._fail("there is no > to what was begun")
            letter = text[self._at]
            if letter == ">":
                self._at += 1
                break
            if letter in _SPACE:
                self._at += 1
                words.append(" ")
            elif letter == "(":
                self._skip_comment()
            elif letter == "," or (letter == ":" and any(word.startswith("@") for word in words)):
                self._at += 1
                words = ["@,"] if letter == "," else []
            else:
                words.append(self._word())
        address = _joined(words)
        if not address:
            raise self._fail("an address is empty")
        if address.startswith("@"):
            raise self._fail(f"{address!r} is no address")
        self._found.append(address)
        self._words.clear()
        self._has_address = True

    def _end_mailbox(self) -> None:
        words, self._words = self._words, []
        has_address, self._has_address = self._has_address, False
        address = _joined(words)
        if not address:
            return
        if has_address:
            # <ann@example.org> Ann: the name stands behind. Two addresses would be a lost comma.
            if "@" in address:
                raise self._fail(f"is {address!r} another address?")
            return
        self._found.append(address)


def _joined(words: list[str]) -> str:
    """Return the words as one address: space counts only where no dot or @ is beside it (RFC 5322 §4.4)."""
    joined, has_space = "", False
    for word in words:
        if word == " ":
            has_space = bool(joined)
            continue
        if has_space and joined[-1] not in ".@" and word[0] not in ".@":
            joined += " "
        joined += word
        has_space = False
    return joined


def _checked(address: str) -> str:
    """Return *address* if it is one by the one strict parser, which is only asked about what is unusual.

    Raises:
        ValueError: it is none.
    """
    local_part, at, domain = address.rpartition("@")
    if not at:
        local_part, domain = address, ""
    if _is_plain(local_part, _PLAIN, 64) and (not at or _is_plain(domain, _HOST, 255)):
        return address
    from mailrail.model import AddressError, parse_address, parse_local_part  # takes 50 ms

    try:
        address.encode()
        if at:
            parse_address(address)
        else:
            parse_local_part(address)
    except AddressError as error:
        raise ValueError(str(error)) from None
    except UnicodeEncodeError:
        raise ValueError(f"{address!r} is not UTF-8") from None
    return address


def _is_plain(text: str, letters: frozenset[str], most: int) -> bool:
    """Tell whether *text* is surely a dot-atom, or a host name: labels that neither begin nor end with a hyphen."""
    if not text or len(text) > most or not letters.issuperset(text):
        return False
    labels = text.split(".")
    if letters is _HOST:
        return all(0 < len(label) < 64 and label[0] != "-" and label[-1] != "-" for label in labels)
    return all(labels)

"""Floor 3 · directory — the text of the user file: read, and changed one user at a time. Pure.

    [user."ann@example.org"]
    password = "{ARGON2ID}$argon2id$v=19$m=19456,t=2,p=1$..."
    scram = "SCRAM-SHA-256$65536:..."
    may_send_as = ["sales@example.org", "@shop.example"]
    disabled = true

A change touches the lines of its user only, so that comments and order stay what people made them. Whether that went well is
not believed but looked at: the new text must read as the old users with the change.
"""

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final

from pydantic import AfterValidator, ValidationError

from mailrail.directory.hashes import HashError, check_hash, scheme_of
from mailrail.directory.user import User, login_name, sender_entry
from mailrail.model import SettingsError
from mailrail.sasl import PreparationError, ScramKeys, format_keys, parse_keys
from mailrail.settings import Settings, setting

HEAD: Final = """\
# The users of mailrail. `mailrail user` changes this file; so may you: it is taken as soon as it is saved.
# It must stay private: chmod 600, and owned by the account that mailrail runs as.
"""
_BLANK: Final = re.compile(r"\s*(?:#.*)?")
QUOTAS: Final = ("messages_per_hour", "messages_per_day", "recipients_per_hour", "recipients_per_day")
MOST_PROBLEMS: Final = 20  # told of one file; the rest only counted

Users = Mapping[str, User]


def _hash(text: str) -> str:
    check_hash(text)
    return text


def _scram(text: str) -> str:
    if parse_keys(text).digest != "sha256":
        raise ValueError("are not of SCRAM-SHA-256")
    return text


def _scram_sha_1(text: str) -> str:
    if parse_keys(text).digest != "sha1":
        raise ValueError("are not of SCRAM-SHA-1")
    return text


class Entry(Settings):
    """What the file says of one user."""

    password: Annotated[str, AfterValidator(_hash)] = setting(..., "The stored password, with its scheme.")
    scram: Annotated[str, AfterValidator(_scram)] | None = setting(None, "Keys for SCRAM-SHA-256.")
    scram_sha_1: Annotated[str, AfterValidator(_scram_sha_1)] | None = setting(
        None, "Keys for SCRAM-SHA-1, for old clients."
    )
    may_send_as: tuple[Annotated[str, AfterValidator(sender_entry)], ...] = setting(
        (), "Addresses, @ and a domain, or *."
    )
    messages_per_hour: int | None = setting(None, "Instead of quota.user.messages_per_hour.", ge=0)
    messages_per_day: int | None = setting(None, "Instead of quota.user.messages_per_day.", ge=0)
    recipients_per_hour: int | None = setting(None, "Instead of quota.user.recipients_per_hour.", ge=0)
    recipients_per_day: int | None = setting(None, "Instead of quota.user.recipients_per_day.", ge=0)
    disabled: bool = setting(False, "May not log in now.")

    def user(self, name: str) -> User:
        """Return the user."""
        return User(
            name=name,
            password=self.password,
            keys=self._keys(),
            may_send_as=self.may_send_as,
            quotas={key: most for key in QUOTAS if (most := getattr(self, key)) is not None},
            is_disabled=self.disabled,
            sha1_keys=None if self.scram_sha_1 is None else parse_keys(self.scram_sha_1),
        )

    def _keys(self) -> ScramKeys | None:
        if self.scram is not None:
            return parse_keys(self.scram)
        if scheme_of(self.password) == "SCRAM-SHA-256":
            return parse_keys(self.password)
        return None


def read_users(text: str) -> dict[str, User]:
    """Read a user file.

    Raises:
        SettingsError: with everything that is wrong, and no secret.
    """
    try:
        tree = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise SettingsError(f"is not TOML: {error}") from None
    users: dict[str, User] = {}
    problems = [f'{key}: there is no such table; known is [user."NAME"]' for key in tree if key != "user"]
    table = tree.get("user", {})
    if not isinstance(table, dict):
        raise SettingsError('user: must be a table for each name: [user."NAME"]')
    for written, values in table.items():
        try:
            user = read_entry(values).user(login_name(written))
        except (PreparationError, SettingsError) as error:
            problems.append(f"{_quoted(written)}: {error}")
            continue
        if user.name in users:
            problems.append(f"{_quoted(written)}: is there twice, for names in capitals are the same names")
        users[user.name] = user
    if problems:
        more = len(problems) - MOST_PROBLEMS
        told = [*problems[:MOST_PROBLEMS], f"and {more} more"] if more > 0 else problems
        raise SettingsError("; ".join(told))
    return users


def read_entry(values: object) -> Entry:
    """Read what is said of one user.

    Raises:
        SettingsError: with what is wrong, and no secret.
    """
    try:
        # As JSON, because strict means there what TOML means: a list is a tuple, and nothing else is converted.
        return Entry.model_validate_json(json.dumps(values, default=str), strict=True)
    except ValidationError as error:
        raise SettingsError("; ".join(_problems(error))) from None


def _problems(error: ValidationError) -> Iterator[str]:
    """Say what is wrong without the value, which may be a secret."""
    for detail in error.errors(include_input=False, include_url=False):
        cause = detail.get("ctx", {}).get("error")
        text = str(cause) if isinstance(cause, HashError | ValueError) else detail["msg"].lower()
        yield f"{'.'.join(map(str, detail['loc']))} {text}".strip()


def write_user(text: str, user: User) -> str:
    """Return *text* with *user* in it, in the place where it stood or at the end.

    Raises:
        SettingsError: *text* cannot be read, or not be changed by lines.
    """
    users = read_users(text)
    begin, end = _lines_of(text, user.name)
    lines = (text or HEAD).splitlines(keepends=True)
    block = _block(user)
    if end == 0:
        if lines and not lines[-1].endswith("\n"):
            lines[-1] += "\n"
        lines += ["\n", *block]
    else:
        lines[begin:end] = block
    return _checked("".join(lines), {**users, user.name: user})


def remove_user(text: str, name: str) -> str:
    """Return *text* without the user *name*, who must be in it.

    Raises:
        SettingsError: *text* cannot be read, or not be changed by lines.
    """
    users = read_users(text)
    begin, end = _lines_of(text, name)
    lines = text.splitlines(keepends=True)
    del lines[begin:end]
    return _checked("".join(lines), {key: user for key, user in users.items() if key != name})


def _checked(text: str, users: Users) -> str:
    if read_users(text) != users:
        raise SettingsError("cannot be changed line by line: write each user as a table of its own")
    return text


def _lines_of(text: str, name: str) -> tuple[int, int]:
    """Return the first line of the table of *name* and the one behind its last key; 0, 0 without one."""
    begin = end = 0
    is_in = False
    for number, line in enumerate(text.splitlines()):
        if line.lstrip().startswith("["):
            is_in = _user_of(line) == name
            begin = number if is_in else begin
        if is_in and not _BLANK.fullmatch(line):
            end = number + 1
    return begin, end


def _user_of(header: str) -> str | None:
    """Return whose table begins with this line."""
    try:
        tree: Any = tomllib.loads(header)
        ((written, values),) = tree["user"].items()
        return login_name(written) if values == {} else None
    except (ValueError, KeyError, AttributeError):
        return None


def _block(user: User) -> list[str]:
    lines = [f"[user.{_quoted(user.name)}]\n", f"password = {_quoted(user.password)}\n"]
    if user.keys is not None and scheme_of(user.password) != "SCRAM-SHA-256":
        lines.append(f"scram = {_quoted(format_keys(user.keys))}\n")
    if user.sha1_keys is not None:
        lines.append(f"scram_sha_1 = {_quoted(format_keys(user.sha1_keys))}\n")
    if user.may_send_as:
        lines.append(f"may_send_as = [{', '.join(map(_quoted, user.may_send_as))}]\n")
    lines += [f"{key} = {most}\n" for key, most in user.quotas.items()]
    if user.is_disabled:
        lines.append("disabled = true\n")
    return lines


def _quoted(text: str) -> str:
    """Write *text* as a TOML basic string, which JSON's strings are, but for one character."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")

"""Floor 5 · migrate — limits and times: one parameter of Postfix, one setting of mailrail."""

import re
from dataclasses import dataclass
from typing import Any, Final, Literal

from mailrail.config import KeyPath, complaint, spell
from mailrail.migrate.draft import Draft
from mailrail.migrate.postfix import defaults

_TIME: Final = re.compile(r"(\d+)\s*([smhdw]?)")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}

Kind = Literal["time", "number", "delay"]


@dataclass(frozen=True, slots=True)
class Number:
    """How one value is taken over.

    Attributes:
        kind: "time" is seconds; "delay" is a wait between two messages, and becomes a rate.
        zero: what stands for Postfix's 0, "no limit"; None: 0 is 0.
    """

    name: str
    path: KeyPath
    kind: Kind = "number"
    zero: float | None = None


NUMBERS: Final = (
    Number("message_size_limit", ("limits", "message_bytes"), zero=1024**4),
    Number("header_size_limit", ("limits", "header_bytes")),
    Number("hopcount_limit", ("limits", "hops")),
    Number("smtpd_recipient_limit", ("limits", "recipients")),
    Number("smtpd_client_connection_count_limit", ("limits", "connections_per_client"), zero=1_000_000),
    Number("smtpd_client_connection_rate_limit", ("limits", "connections_per_minute"), zero=1_000_000_000),
    Number("smtpd_hard_error_limit", ("limits", "errors")),
    Number("smtpd_soft_error_limit", ("limits", "soft_errors")),
    Number("smtpd_error_sleep_time", ("limits", "error_delay_s"), "time"),
    Number("smtpd_junk_command_limit", ("limits", "junk")),
    Number("smtpd_timeout", ("timeouts", "command_s"), "time"),
    Number("smtpd_starttls_timeout", ("timeouts", "handshake_s"), "time"),
    Number("smtpd_min_data_rate", ("timeouts", "minimum_rate_bytes")),
    Number("maximal_queue_lifetime", ("queue", "retry", "give_up_s"), "time"),
    Number("bounce_queue_lifetime", ("queue", "retry", "give_up_notice_s"), "time"),
    Number("minimal_backoff_time", ("queue", "retry", "first_s"), "time"),
    Number("maximal_backoff_time", ("queue", "retry", "longest_s"), "time"),
    Number("delay_warning_time", ("queue", "retry", "warn_s"), "time"),
    Number("qmgr_message_active_limit", ("queue", "active_items")),
    Number("default_destination_concurrency_limit", ("queue", "window", "most"), zero=1000),
    Number("initial_destination_concurrency", ("queue", "window", "start")),
    Number("default_destination_concurrency_failed_cohort_limit", ("queue", "window", "cohorts"), zero=100),
    Number("default_destination_rate_delay", ("queue", "rate"), "delay"),
    Number("smtp_destination_concurrency_limit", ("queue", "window", "most"), zero=1000),
    Number("smtp_destination_rate_delay", ("queue", "rate"), "delay"),
    Number("queue_minfree", ("spool", "reserve_bytes")),
    Number("bounce_size_limit", ("report", "return_limit")),
    Number("smtp_connect_timeout", ("client", "connect_s"), "time", zero=3600),
    Number("smtp_helo_timeout", ("client", "hello_s"), "time"),
    Number("smtp_starttls_timeout", ("client", "tls_s"), "time"),
    Number("smtp_mail_timeout", ("client", "mail_s"), "time"),
    Number("smtp_rcpt_timeout", ("client", "rcpt_s"), "time"),
    Number("smtp_data_init_timeout", ("client", "data_s"), "time"),
    Number("smtp_data_xfer_timeout", ("client", "content_s"), "time"),
    Number("smtp_data_done_timeout", ("client", "end_s"), "time"),
    Number("smtp_quit_timeout", ("client", "quit_s"), "time"),
    Number("smtp_mx_address_limit", ("routing", "max_hosts"), zero=50),
    Number("smtp_connection_reuse_time_limit", ("delivery", "session_s"), "time"),
    Number("smtp_connection_reuse_count_limit", ("delivery", "session_messages"), zero=1_000_000),
    Number("smtp_connection_cache_time_limit", ("queue", "idle_s"), "time"),
)
BY_NAME: Final = {number.name: number for number in NUMBERS}


def take_numbers(draft: Draft) -> None:
    """Take over what main.cf sets; what it does not, mailrail has defaults of its own for."""
    for number in NUMBERS:
        if draft.postfix.is_set(number.name):
            _take(draft, number)
    for name in draft.postfix.parameters:
        if name.startswith("lmtp_") and (twin := BY_NAME.get(f"smtp_{name.removeprefix('lmtp_')}")):
            words = f"{spell(twin.path)} counts for SMTP and LMTP alike."
            draft.look(name, words)


def _take(draft: Draft, number: Number) -> None:
    text = draft.postfix.value(number.name)
    value = _read(text, number)
    if value is None:
        draft.look(
            number.name,
            f"{text!r} cannot be read as a {number.kind}; {spell(number.path)} keeps its default.",
        )
        return
    before = draft.get(number.path)
    if before is not None and before != value:
        draft.look(
            number.name,
            f"{spell(number.path)} is {before} already, by another line that means the same here.",
        )
        return
    if fault := _fault(draft, number.path, value):
        draft.look(number.name, f"{spell(number.path)} keeps its default, for {value:g} {fault}.")
        return
    draft.put(number.path, value, number.name)


def _fault(draft: Draft, path: KeyPath, value: float) -> str:
    """Return what the settings would say of *value* beside what is set already."""
    tree: Any = value
    for depth in range(len(path) - 1, 0, -1):
        beside = draft.get(path[:depth]) or {}
        tree = {**beside, path[depth]: tree}
    return complaint({str(path[0]): tree})


def _read(text: str, number: Number) -> float | None:
    if number.kind == "number":
        value: float | None = int(text) if text.isascii() and text.isdecimal() else None
    else:
        value = seconds(text, number.name)
    if value == 0 and number.zero is not None:
        return number.zero
    if number.kind == "delay" and value:
        return 1 / value
    return value


def seconds(text: str, name: str) -> int | None:
    """Read a time of Postfix's; without a unit it has that of the parameter's default."""
    found = _TIME.fullmatch(text)
    if found is None:
        return None
    default = defaults().get(name, "")
    unit = found[2] or (default[-1:] if default[-1:] in _SECONDS else "s")
    return int(found[1]) * _SECONDS[unit]

"""Floor 4 · report — what can be set about notices."""

from typing import Annotated, Final, Literal

from pydantic import AfterValidator

from mailrail.message import FROM_NAME
from mailrail.model import AddressError, parse_address
from mailrail.settings import Settings, Size, setting

# With the largest header section and the text beside it, a notice stays below SMALL_BYTES.
_MOST_RETURNED: Final = 128 * 1024


def _checked_address(text: str) -> str:
    try:
        return str(parse_address(text)) if text else ""
    except AddressError as error:
        raise ValueError(f"{error}: write it like postmaster@example.org, or leave it empty") from None


def _checked_name(text: str) -> str:
    if not (text.isascii() and text.isprintable()):
        raise ValueError(f"{text!r}: write the name in printable ASCII")
    return text


class ReportSettings(Settings):
    """Notices to senders: failed, delayed, delivered."""

    postmaster: Annotated[str, AfterValidator(_checked_address)] = setting(
        "",
        "Gets our notices that cannot be delivered themselves; empty: those are dropped, with an event.",
        source="RFC 5321 §6.1",
    )
    delay_notices: Literal["local", "all", "none"] = setting(
        "local",
        "Who is told of a delay without having asked for it: our own people, everybody or nobody.",
        source="RFC 3461 §4.1",
    )
    return_limit: Size = setting(
        50 * 1024,
        "A longer message comes back with its header only.",
        unit="bytes",
        source="RFC 3461 §4.3; Postfix bounce_size_limit 50000",
        ge=0,
        le=_MOST_RETURNED,
    )
    from_name: Annotated[str, AfterValidator(_checked_name)] = setting(
        FROM_NAME, "The name that notices come from, beside MAILER-DAEMON.", min_length=1, max_length=100
    )

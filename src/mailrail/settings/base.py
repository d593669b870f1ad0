"""Floor 0 · settings — base class and the two spelled-out quantities.

A duration is stored as whole or fractional seconds and may be written `300`,
`"90s"`, `"5m"`, `"4h"`, `"5d"` or `"1h30m"`; a size is stored as bytes and may be
written `10240`, `"64 KiB"`, `"35 MiB"`, `"1 GB"`.
"""

import re
from typing import Annotated, Any, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

_DURATION_UNITS: Final = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_SIZE_UNITS: Final = {
    "": 1, "b": 1,
    "k": 1000, "kb": 1000, "m": 1000**2, "mb": 1000**2, "g": 1000**3, "gb": 1000**3,
    "kib": 1024, "mib": 1024**2, "gib": 1024**3,
}  # fmt: skip
KIND: Final = "kind="  # begins the tag of one of several Settings for one table
_DURATION_PART: Final = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(ms|s|m|h|d|w)")
_SIZE: Final = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*")


def parse_duration(value: object) -> object:
    """Turn `"1h30m"` into seconds; anything that is not text passes through.

    Raises:
        ValueError: the text is not a run of number-and-unit pairs.
    """
    if not isinstance(value, str):
        return value
    seconds, position = 0.0, 0
    while position < len(value.rstrip()):
        part = _DURATION_PART.match(value, position)
        if part is None:
            raise ValueError(f"{value!r} is not a duration: write it like 30s, 5m, 4h, 5d or 1h30m")
        seconds += float(part[1]) * _DURATION_UNITS[part[2]]
        position = part.end()
    if seconds == float("inf"):
        raise ValueError(f"{value[:20]!r}... is longer than any duration")
    if position == 0:
        raise ValueError("an empty text is not a duration: write it like 30s, 5m, 4h or 5d")
    return int(seconds) if seconds == int(seconds) else seconds


def parse_size(value: object) -> object:
    """Turn `"64 KiB"` into bytes; anything that is not text passes through.

    Raises:
        ValueError: the text is not a number with a known unit.
    """
    if not isinstance(value, str):
        return value
    found = _SIZE.fullmatch(value.lower())
    if found is None or found[2] not in _SIZE_UNITS:
        raise ValueError(f"{value!r} is not a size: write it like 512, 64 KiB or 35 MiB")
    unit = _SIZE_UNITS[found[2]]
    try:
        # Whole numbers stay whole; a float holds only 15 digits, and Python reads no number above 4300.
        return int(float(found[1]) * unit) if "." in found[1] else int(found[1]) * unit
    except (OverflowError, ValueError):
        raise ValueError(f"{value[:20]!r}... is larger than any size") from None


Duration = Annotated[float, BeforeValidator(parse_duration)]
Size = Annotated[int, BeforeValidator(parse_size)]


def kind_tag(value: Any) -> str | None:
    """Return which of several Settings a table is, by its key `kind`; for pydantic's Discriminator.

    A tag looks like no key, for pydantic puts it into the place of an error, between the keys.
    """
    kind = value.get("kind") if isinstance(value, dict) else getattr(value, "kind", None)
    return f"{KIND}{kind}" if isinstance(kind, str) else None


class Settings(BaseModel):
    """Base of every room's settings: frozen, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=False)


def setting(default: Any, doc: str, *, unit: str = "", source: str = "", **bounds: Any) -> Any:
    """Declare one setting: its default, one line of documentation, unit, source and bounds.

    Args:
        default: the value of a server that nobody configured; `...` when the key must be given.
        doc: one sentence for the reference manual.
        unit: "s", "bytes", "messages" ...; empty for names and switches.
        source: RFC and section, or the practice the default comes from.
        bounds: pydantic's `ge`, `le`, `gt`, `lt`, `min_length`, `max_length`.
    """
    extra: dict[str, Any] = {key: text for key, text in (("unit", unit), ("source", source)) if text}
    return Field(default, description=doc, json_schema_extra=extra or None, **bounds)

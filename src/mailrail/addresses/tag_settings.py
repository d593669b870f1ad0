"""Floor 3 · addresses — under which signature reverse-paths leave us, for people to set."""

from typing import Annotated, Final

from pydantic import AfterValidator

from mailrail.model import AddressError, parse_domain
from mailrail.settings import Duration, Settings, setting

_DAY_S: Final = 86_400


def _domain(text: str) -> str:
    try:
        return parse_domain(text) if text else ""
    except AddressError as error:
        raise ValueError(f"{error}: write a domain that mail is taken for, like example.org") from None


class SrsSettings(Settings):
    """Reverse-paths of mail that is forwarded out of our domains."""

    rewrite: bool = setting(
        True,
        "Forwarded mail leaves with a reverse-path of ours that leads back to its sender (SRS), so that SPF does not "
        "tell on it; bounces to one made earlier are taken in any case.",
        source="Sender Rewriting Scheme",
    )
    domain: Annotated[str, AfterValidator(_domain)] = setting(
        "",
        "The domain of those reverse-paths: one of ours, whose SPF record names this host; by default the first that "
        "mail is taken for.",
        examples=["example.org"],
    )
    max_age_s: Duration = setting(
        21 * _DAY_S,
        "How long bounces are taken back, in whole days; longer than others keep trying.",
        unit="s",
        source="libsrs2",
        ge=_DAY_S,
        le=365 * _DAY_S,
    )
    hash_length: int = setting(
        6,
        "How much of the signature is written and must be right; libsrs2 and postsrsd have 4, which can be tried out.",
        unit="characters",
        source="practice",
        ge=4,
        le=27,
    )

    @property
    def max_age_days(self) -> int:
        """Return `max_age_s` in days."""
        return round(self.max_age_s / _DAY_S)


class BatvSettings(Settings):
    """Reverse-paths of our own people's mail."""

    sign: bool = setting(
        False,
        "Mail of our users leaves our domains with a signed reverse-path (BATV), so that a bounce proves that the "
        "message was from here.",
        source="draft-levine-smtp-batv",
    )
    refuse_unsigned: bool = setting(
        False,
        "Refuse bounces to addresses of ours without a good signature; only when `sign` has been on for `max_age_s`, and "
        "all mail of these addresses leaves through here.",
        source="draft-levine-smtp-batv",
    )
    max_age_s: Duration = setting(
        14 * _DAY_S,
        "How long a signature is good, in whole days; longer than others keep trying.",
        unit="s",
        source="practice",
        ge=_DAY_S,
        le=365 * _DAY_S,
    )

    @property
    def max_age_days(self) -> int:
        """Return `max_age_s` in days."""
        return round(self.max_age_s / _DAY_S)

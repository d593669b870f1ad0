"""Floor 2 · dns — whom to ask, how long, and how much to remember."""

from typing import Annotated, Literal

from pydantic import AfterValidator

from mailrail.dns.servers import parse_server
from mailrail.settings import Duration, Settings, setting


def _checked(text: str) -> str:
    parse_server(text)
    return text


ServerText = Annotated[str, AfterValidator(_checked)]


class DnsSettings(Settings):
    """The resolvers that are asked, and the cache of their answers."""

    servers: tuple[ServerText, ...] = setting(
        (), 'Recursive resolvers as "ip", "ip:port" or "[ip]:port", the best first; none: the system\'s.'
    )
    resolv_conf: str = setting("/etc/resolv.conf", "Where the system's resolvers are listed.")
    timeout_s: Duration = setting(
        3, "Wait this long for each try.", unit="s", source="RFC 1035 §7.2: 2-5 s", gt=0, le=60
    )
    tries: int = setting(
        3, "Ask each server at most this often.", unit="tries", source="Unbound, glibc: 2-3", ge=1, le=10
    )
    deadline_s: Duration = setting(
        15, "Give up on a name after this long, all tries and waiting included.", unit="s", gt=0, le=300
    )
    max_in_flight: int = setting(
        250,
        "Questions on their way at once; more wait. Each has a socket, so that its port cannot be guessed.",
        unit="questions",
        source="RFC 5452 §9.2; a quarter of the usual 1,024 descriptors",
        ge=1,
        le=10_000,
    )
    cache_size: int = setting(
        10_000, "Answers kept for each record type; 0 keeps none.", unit="answers", ge=0, le=1_000_000
    )
    min_ttl_s: Duration = setting(1, "Keep answers at least this long.", unit="s", ge=0, le=300)
    max_ttl_s: Duration = setting(
        86_400, "Keep answers at most this long.", unit="s", source="RFC 8767 §4", ge=0
    )
    max_negative_ttl_s: Duration = setting(
        3600,
        'Keep "no such name" and "no such record" at most this long.',
        unit="s",
        source="RFC 2308 §5: 1-3 h",
        ge=0,
    )
    trust_ad: Literal["loopback", "always", "never"] = setting(
        "loopback",
        "From which servers the word is taken that an answer is authentic (DNSSEC): the way there must be safe.",
        source="RFC 6840 §5.8; RFC 7672 §2.1.1",
    )

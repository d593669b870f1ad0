"""Floor 1 · smtp — XCLIENT: a proxy that ended the client's session says who the client is. Pure.

Source: Postfix, XCLIENT_README. Each attribute may come once a command, as xtext; several commands add up. NAME and PROTO are read,
so that a command is never half understood, and not used: nothing here goes by a client's name, and PROTO is what it
says to us by HELO or EHLO.
"""

from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from typing import Final

from mailrail.smtp import xtext
from mailrail.smtp.params import ParameterError

OFFER: Final = "XCLIENT NAME ADDR PORT PROTO HELO LOGIN DESTADDR DESTPORT"
_UNKNOWN: Final = frozenset({"[UNAVAILABLE]", "[TEMPUNAVAIL]"})
_CHARACTERS: Final = 255  # as of a domain; a login is no longer either


@dataclass(slots=True)
class ClientFacts:
    """What a proxy tells of its client; None: not told.

    Attributes:
        host: IP address, canonical; "" when the proxy does not know it.
        port: 0 when the proxy does not know it.
        hello: what the client called itself; "" unknown.
        login: "" when it is not logged in.
        server_host, server_port: where the client connected to; as *host* and *port*.
    """

    host: str | None = None
    port: int | None = None
    hello: str | None = None
    login: str | None = None
    server_host: str | None = None
    server_port: int | None = None


def parse_xclient(text: str) -> ClientFacts:
    """Read what stands behind XCLIENT.

    Raises:
        ParameterError: no attribute, an unknown or repeated one, or a bad value.
    """
    values: dict[str, str] = {}
    for word in text.split(" "):
        name, equals, value = word.partition("=")
        name = name.upper()
        if not equals or not value or name not in _NAMES:
            raise ParameterError(f"Syntax: XCLIENT with some of {OFFER.partition(' ')[2]}")
        if name in values:
            raise ParameterError(f"{name} is given twice")
        values[name] = _value(name, value)
    if values.get("PROTO", "SMTP").upper() not in ("SMTP", "ESMTP", ""):
        raise ParameterError("PROTO wants SMTP or ESMTP")
    return ClientFacts(
        host=_host(values, "ADDR"),
        port=_port(values, "PORT"),
        hello=values.get("HELO"),
        login=values.get("LOGIN"),
        server_host=_host(values, "DESTADDR"),
        server_port=_port(values, "DESTPORT"),
    )


_NAMES: Final = frozenset(OFFER.split()[1:])


def _value(name: str, value: str) -> str:
    if value.upper() in _UNKNOWN:
        return ""
    try:
        plain = xtext.decode_octets(value)
    except ValueError as error:
        raise ParameterError(f"{name}: {error}") from None
    if len(plain) > _CHARACTERS:
        raise ParameterError(f"{name} wants at most {_CHARACTERS} characters")
    return plain


def _host(values: dict[str, str], name: str) -> str | None:
    value = values.get(name)
    if not value:
        return value
    try:
        address = ip_address(value[5:] if value[:5].upper() == "IPV6:" else value)
    except ValueError:
        raise ParameterError(f"{name} wants an IP address") from None
    # As with PROXY headers: limits and trust go by the address that the client really has.
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return str(mapped or address).partition("%")[0]


def _port(values: dict[str, str], name: str) -> int | None:
    value = values.get(name)
    if value is None:
        return None
    if not (value or "0").isdecimal() or not value.isascii() or len(value) > 5 or int(value or "0") > 65_535:
        raise ParameterError(f"{name} wants a port")
    return int(value or "0")

"""Whatever stands behind XCLIENT:

- it is read or a ParameterError; nothing else is raised;
- addresses are IP addresses in their canonical text, ports are ports, and no text hides a control character;
- the order of the attributes changes nothing.

Input: the text, as UTF-8.
"""

from collections.abc import Iterator
from ipaddress import ip_address

from mailrail.smtp.params import ParameterError
from mailrail.smtp.xclient import ClientFacts, parse_xclient


def check(data: bytes) -> None:
    text = data.decode("utf-8", "replace")
    found = _read(text)
    if found is None:
        return
    for host in (found.host, found.server_host):
        assert not host or str(ip_address(host)) == host
    for port in (found.port, found.server_port):
        assert port is None or 0 <= port <= 65_535
    for word in (found.hello, found.login):
        assert word is None or (word.isprintable() and len(word) <= 255)
    assert _read(" ".join(reversed(text.split(" ")))) == found


def _read(text: str) -> ClientFacts | None:
    try:
        return parse_xclient(text)
    except ParameterError:
        return None


def seeds() -> Iterator[bytes]:
    yield b"NAME=spike.porcupine.org ADDR=168.100.189.2 PORT=40000 PROTO=ESMTP HELO=spike"
    yield b"ADDR=IPV6:2001:db8::7 DESTADDR=IPV6:::1 DESTPORT=25 LOGIN=ann+40example.org"
    yield b"NAME=[UNAVAILABLE] ADDR=[TEMPUNAVAIL] PORT=[UNAVAILABLE] LOGIN=[UNAVAILABLE]"

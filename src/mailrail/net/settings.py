"""Floor 2 · net — the settings of sockets and of TLS, with defaults, units and bounds."""

from pathlib import Path
from typing import Literal, Self

from pydantic import model_validator

from mailrail.settings import Duration, Settings, Size, setting


class NetSettings(Settings):
    """How sockets behave; few sites ever change one of these."""

    backlog: int = setting(
        1024,
        "Connections that the system keeps waiting until we accept them.",
        unit="connections",
        source="the system's own bound is net.core.somaxconn, 4096",
        ge=1,
        le=65_535,
    )
    read_bytes: Size = setting(
        64 * 1024,
        "Most that one read takes from a connection; from 128 KiB on each read may cost further system calls.",
        unit="bytes",
        ge=4096,
        le=16 * 1024**2,
    )
    high_water_bytes: Size = setting(
        64 * 1024,
        "Unsent output of one connection at which its writer is told to wait.",
        unit="bytes",
        source="asyncio: 64 KiB",
        ge=1,
        le=64 * 1024**2,
    )
    low_water_bytes: Size = setting(
        16 * 1024,
        "Unsent output at which a waiting writer is told to go on; smaller than the high mark.",
        unit="bytes",
        source="asyncio: a quarter of the high mark",
        ge=0,
        le=64 * 1024**2,
    )
    linger_s: Duration = setting(
        10.0,
        "Longest time that a closed connection may take to send what waits and to see the peer close.",
        unit="s",
        ge=0,
        le=600,
    )
    linger_bytes: Size = setting(
        4 * 1024**2,
        "What a peer may send after we closed, before we cut it off; it is thrown away.",
        unit="bytes",
        ge=0,
    )
    accept_rest_s: Duration = setting(
        0.25,
        "Pause of accepting after the system ran out of file descriptors or memory.",
        unit="s",
        ge=0.1,
        le=1.0,
    )

    @model_validator(mode="after")
    def _marks_in_order(self) -> Self:
        if self.low_water_bytes >= self.high_water_bytes:
            raise ValueError("low_water_bytes must be smaller than high_water_bytes")
        return self


class CertificateFiles(Settings):
    """One certificate and its key."""

    chain: Path = setting(..., "PEM file: the server's certificate first, then the intermediate ones.")
    key: Path = setting(..., "PEM file: the private key, without a passphrase; not readable by everybody.")


class TlsSettings(Settings):
    """What we show to those who ask for TLS, and what we accept."""

    certificate: tuple[CertificateFiles, ...] = setting(
        (),
        "Certificates, chosen by the name that a client asks for; the first one for unknown names. "
        "The files are looked at every minute, and read again when they have changed.",
    )
    self_signed: bool = setting(
        True,
        "Without any certificate, make one that nobody vouches for: it keeps mail from being read on its way by those "
        "who only listen. If false, TLS is then not offered.",
        source="RFC 7435",
    )
    directory: Path | None = setting(
        None,
        "Where we keep the certificates and keys that we make or fetch; default: tls in the spool's directory.",
    )
    minimum_version: Literal["1.2", "1.3"] = setting(
        "1.2", "Oldest version of TLS spoken.", source="RFC 8996 §2, RFC 9325 §3.1.1"
    )
    ciphers: str = setting(
        "ECDHE+AESGCM:ECDHE+CHACHA20",
        "Suites of TLS 1.2 in OpenSSL's notation; those of TLS 1.3 are all good and always on.",
        source="RFC 9325 §4.2",
    )

    def kept_in(self, spool: Path) -> Path:
        """Return where we keep what we make, given the directory of the spool."""
        return self.directory or spool / "tls"

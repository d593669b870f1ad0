"""An OpenLDAP server of its own, in a temporary folder, on loopback; it can die and come back."""

import contextlib
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import quote

from tests.support.peers import programs
from tests.support.peers.certificates import make_certificate
from tests.support.peers.processes import PAUSE_S, START_TIMEOUT_S, PeerError, Program, folder, free_port
from tests.support.peers.programs import Tree

BASE: Final = "dc=example,dc=org"
READER: Final = f"cn=reader,{BASE}"
READER_PASSWORD: Final = "reads only"
CONFIG: Final = """\
include {schema}/core.schema
include {schema}/cosine.schema
include {schema}/inetorgperson.schema
modulepath {modules}
moduleload back_mdb
pidfile {base}/pid
TLSCACertificateFile {ca}
TLSCertificateFile {certificate}
TLSCertificateKeyFile {certificate}
database mdb
suffix "{suffix}"
directory {base}/data
index uid,mail eq
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact="{reader}" read by self read by * none
"""


class Slapd:
    """A directory in which everybody may log in, and `READER` may read.

    Attributes:
        ca_file: vouches for its certificate, which is for 127.0.0.1.
        password_file: holds the password of READER.
    """

    def __init__(self, tree: Tree, base: Path, ldif: str) -> None:
        self.port = free_port()
        self.tls_port = free_port()
        self.socket = base / "ldapi"
        self.password_file = base / "password"
        certificate = make_certificate(base, "127.0.0.1")
        self.ca_file = certificate.ca_file
        self._tree = tree
        self._base = base
        self._program: Program | None = None
        self.password_file.write_text(f"{READER_PASSWORD}\n")
        self.password_file.chmod(0o600)
        (base / "data").mkdir()
        (base / "slapd.conf").write_text(
            CONFIG.format(
                schema=tree.program("etc/ldap/schema"),
                modules=tree.program("usr/lib/ldap"),
                base=base,
                ca=certificate.ca_file,
                certificate=certificate.chain_file,
                suffix=BASE,
                reader=READER,
            )
        )
        (base / "people.ldif").write_text(ldif)
        self._fill()

    @property
    def url(self) -> str:
        """Where it speaks LDAP, with StartTLS."""
        return f"ldap://127.0.0.1:{self.port}"

    @property
    def tls_url(self) -> str:
        """Where it speaks LDAP under TLS."""
        return f"ldaps://127.0.0.1:{self.tls_port}"

    @property
    def socket_url(self) -> str:
        """Its Unix socket."""
        return f"ldapi://{quote(str(self.socket), safe='')}"

    def _fill(self) -> None:
        # What the program is called by says what it does.
        done = subprocess.run(
            ["slapadd", "-q", "-f", "slapd.conf", "-l", "people.ldif"],
            executable=self._tree.program("usr/sbin/slapd"),
            cwd=self._base,
            env=self._tree.environment(),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        if done.returncode != 0:
            raise PeerError(f"slapadd failed:\n{done.stdout}\n{done.stderr}")

    def start(self) -> None:
        """Run it, and wait until it listens."""
        places = f"{self.url}/ {self.tls_url}/ {self.socket_url}"
        config = str(self._base / "slapd.conf")
        command = [self._tree.program("usr/sbin/slapd"), "-d", "0", "-f", config, "-h", places]
        self._program = Program(command, self._base / "output", environment=self._tree.environment())
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline and self._program.exit_code() is None:
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", self.tls_port), timeout=5).close()
                return
            time.sleep(PAUSE_S)
        raise PeerError(f"slapd did not start:\n{self._program.printed()}")

    def stop(self) -> None:
        """End it."""
        if self._program is not None:
            self._program.stop()
            self._program = None


@contextlib.contextmanager
def slapd(people: str) -> Iterator[Slapd]:
    """Run one for the time of a `with`; the test is skipped where it is missing.

    Args:
        people: LDIF of what is below `ou=people` of BASE.
    """
    tree = programs.need("slapd")
    ldif = f"""\
dn: {BASE}
objectClass: dcObject
objectClass: organization
o: Example
dc: example

dn: {READER}
objectClass: person
cn: reader
sn: reader
userPassword: {READER_PASSWORD}

dn: ou=people,{BASE}
objectClass: organizationalUnit
ou: people

{people}"""
    with folder("slapd") as base:
        server = Slapd(tree, base, ldif)
        try:
            server.start()
            yield server
        finally:
            server.stop()

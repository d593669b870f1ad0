"""Floor 5 · migrate — one Postfix as it is configured: parameters in force, services, and the files that both name.

Law: it is only read. What main.cf does not say has the default of Postfix 3.7, from `postfix-3.7.cf` beside this file.
"""

import grp
import pwd
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Final

from mailrail.migrate.expansion import ExpansionError, expand
from mailrail.migrate.logical_lines import decoded, logical_lines, words
from mailrail.migrate.maps import Table, parse_tables
from mailrail.migrate.master import Service, parse_master
from mailrail.model import SettingsError

USUAL_PLACE: Final = "/etc/postfix"
# Of Postfix before and after 3.7, which `postconf -d` of 3.7 does not print.
_OTHER_VERSIONS: Final = """
    authorized_verp_clients smtpd_client_connection_limit_exceptions virtual_maps fallback_relay
    smtpd_client_ipv4_prefix_length smtpd_client_ipv6_prefix_length smtpd_per_record_deadline
    smtp_per_record_deadline postscreen_whitelist_interfaces postscreen_blacklist_action
    postscreen_dnsbl_whitelist_threshold postscreen_dnsbl_ttl tls_ffdhe_auto_groups
    force_mime_input_conversion smtp_tlsrpt_enable smtp_tlsrpt_socket_name
    smtp_tlsrpt_skip_reused_handshakes tls_required_enable smtpd_hide_client_session
    tlsproxy_client_level tlsproxy_client_policy smtp_cache_connection local_transport_maps
    permit_mx_backup_networks lmtp_cache_connection virtual_mailbox_limit_maps
"""
_MOST_BYTES: Final = 16 * 1024**2  # of main.cf; ours


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter as main.cf sets it.

    Attributes:
        value: as written, on one line.
        number: line of the file.
    """

    name: str
    value: str
    number: int


def parse_main(text: str) -> dict[str, Parameter]:
    """Read the text of a main.cf; of two lines for one name the last one counts."""
    found: dict[str, Parameter] = {}
    for line in logical_lines(text):
        name, _, value = line.text.partition("=")
        found[name.strip()] = Parameter(name.strip(), " ".join(value.split()), line.number)
    return found


@cache
def defaults() -> Mapping[str, str]:
    """Return every parameter of Postfix 3.7 with its default, as written."""
    text = (files(__package__) / "postfix-3.7.cf").read_text("utf-8")
    return {name: parameter.value for name, parameter in parse_main(text).items()}


@cache
def _known_names() -> frozenset[str]:
    return frozenset(defaults()) | frozenset(_OTHER_VERSIONS.split())


class Postfix:
    """A configuration, ready to be asked.

    Args:
        directory: where main.cf and master.cf lie.
        root: where the files of the other machine lie; "/" when it is this one.
        host_name: what that machine calls itself, for where main.cf does not say.

    Attributes:
        parameters: what main.cf sets.
        services: the rows of master.cf.
        troubles: what could not be read as Postfix would.
    """

    def __init__(
        self,
        directory: Path,
        main: str,
        master: str = "",
        *,
        root: Path = Path("/"),
        host_name: str = "localhost.localdomain",
    ) -> None:
        self.directory = directory
        self.parameters = parse_main(main)
        services, self.troubles = parse_master(master)
        self.services: tuple[Service, ...] = tuple(services)
        self._root = root
        self._host_name = host_name

    @property
    def known_names(self) -> frozenset[str]:
        """Every parameter that a Postfix knows."""
        return _known_names()

    # --- Parameters -------------------------------------------------------------------

    def is_set(self, name: str) -> bool:
        """Tell whether main.cf says anything about *name*."""
        return name in self.parameters

    def raw(self, name: str, service: Service | None = None) -> str:
        """Return the value in force as it is written, "" for a name that nobody knows."""
        if service is not None and name in service.overrides:
            return service.overrides[name]
        if name in self.parameters:
            return self.parameters[name].value
        return self._of_machine(name) if name in _OF_MACHINE else defaults().get(name, "")

    def value(self, name: str, service: Service | None = None) -> str:
        """Return the value in force; where an expression cannot be read, the text as it is."""
        text = self.raw(name, service)
        try:
            text = expand(text, lambda inner: self.raw(inner, service)).strip()
        except ExpansionError:
            return text
        return self._first_line(text) if name == "myorigin" and text.startswith("/") else text

    def _first_line(self, path: str) -> str:
        """Return the first line of a file: Debian lets myorigin be one, mostly /etc/mailname."""
        try:
            with self.file(path).open("rb") as stream:
                return decoded(stream.readline(_MOST_BYTES)).strip()
        except OSError:
            return self.value("myhostname")

    def words(self, name: str, service: Service | None = None) -> list[str]:
        """Return the value in force as a list."""
        return words(self.value(name, service))

    def tables(self, name: str, service: Service | None = None) -> list[Table]:
        """Return the value in force as tables, those that a unionmap joins one by one."""
        found: list[Table] = []
        for table in parse_tables(self.value(name, service)):
            found += table.parts if table.kind == "unionmap" else [table]
        return found

    def is_on(self, name: str, service: Service | None = None) -> bool:
        """Tell whether a switch is "yes"."""
        return self.value(name, service).lower() == "yes"

    def _of_machine(self, name: str) -> str:
        """Return what Postfix finds out by itself."""
        match name:
            case "myhostname":
                if "." in self._host_name or not self.is_set("mydomain"):
                    return self._host_name if "." in self._host_name else f"{self._host_name}.localdomain"
                return f"{self._host_name}.$mydomain"
            case "mydomain":
                # An explicit myhostname, or the machine's; never by way of $mydomain again.
                host = self.parameters["myhostname"].value if self.is_set("myhostname") else self._host_name
                return host.partition(".")[2] or "localdomain"
            case _:
                return str(self.directory)

    # --- The machine ----------------------------------------------------------------------

    def account_name(self, number: int) -> str:
        """Return the name of the account with the user id *number*, "" where this machine has none."""
        try:
            return pwd.getpwuid(number).pw_name
        except (KeyError, OverflowError):
            return ""

    def group_name(self, number: int) -> str:
        """Return the name of the group with the id *number*, "" where this machine has none."""
        try:
            return grp.getgrgid(number).gr_name
        except (KeyError, OverflowError):
            return ""

    # --- Files ------------------------------------------------------------------------

    def file(self, path: str) -> Path:
        """Return where the file is that *path* names on the other machine.

        What lies in /etc/postfix there is looked for beside main.cf first: that directory may have been copied.
        """
        beside = self.directory / path.removeprefix(f"{USUAL_PLACE}/")
        if path.startswith(f"{USUAL_PLACE}/") and beside.exists():
            return beside
        if not path.startswith("/"):
            return self.directory / path
        return self._root / path.lstrip("/")

    def place(self, path: str) -> str:
        """Return how mailrail should name the file that *path* names: where it was found, else as it is written."""
        found = self.file(path)
        return str(found.absolute()) if found.exists() else path


_OF_MACHINE: Final = frozenset({"myhostname", "mydomain", "config_directory"})


def read_postfix(directory: Path, *, root: Path = Path("/"), host_name: str) -> Postfix:
    """Read main.cf and master.cf of *directory*; the latter need not be there. Blocks.

    Raises:
        SettingsError: main.cf is not there, or one of the two cannot be read.
    """
    main = _read(directory / "main.cf")
    if main is None:
        raise SettingsError(
            f"{directory} has no main.cf; mend it: name the directory that does, like /etc/postfix"
        )
    return Postfix(directory, main, _read(directory / "master.cf") or "", root=root, host_name=host_name)


def _read(file: Path) -> str | None:
    try:
        with file.open("rb") as stream:
            return decoded(stream.read(_MOST_BYTES))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SettingsError(f"{file} cannot be read: {error.strerror}") from error

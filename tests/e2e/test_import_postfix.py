"""Configurations of each classic type: read as Postfix reads them, imported, and run beside a real Postfix with the same lines.

The files are those of tests/corpus/postfix; what cannot be on one machine (addresses, ports, authorities) is changed in a copy.
"""

import contextlib
import shutil
import smtplib
import subprocess
import time
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.test_smarthost import smarthost
from tests.support.daemon import Daemon, mailrail, merged, running
from tests.support.dnsserver import DnsServer
from tests.support.letters import ANN, letter, send, wire
from tests.support.peers import programs
from tests.support.peers.certificates import make_certificate
from tests.support.peers.mail_server import MailServer
from tests.support.peers.postfix import COMMAND_TIMEOUT_S, postfix
from tests.support.peers.processes import PAUSE_S, folder, free_port
from tests.support.receiver import Receiver
from tests.unit.migrate.golden import CORPUS, NAMES

from mailrail.migrate import defaults, read_postfix
from mailrail.migrate.postfix import parse_main

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

NOBODY = "65534"
# What Postfix finds out of the machine, or of itself, and what mentions it.
OF_MACHINE = frozenset(
    """
    mynetworks proxy_read_maps smtpd_client_event_limit_exceptions smtpd_forbid_bare_newline_exclusions
    process_id process_name config_directory service_name
    """.split()  # noqa: SIM905 -- names, not data
)
# What is only filled in for each message, so that postconf leaves it alone.
OF_MESSAGES = frozenset(
    {"default_rbl_reply", "forward_path", "smtpd_reject_footer", "postscreen_reject_footer"}
)


def copied(base: Path, name: str, changes: Mapping[str, str] | None = None) -> Path:
    """Copy a directory of the corpus, with other values for some parameters."""
    etc = base / "etc"
    shutil.copytree(CORPUS / name, etc)
    with (etc / "main.cf").open("a") as stream:
        stream.writelines(f"{key} = {value}\n" for key, value in (changes or {}).items())
    # Names map types in shared objects of their own, and Postfix wants it to be there.
    (etc / "dynamicmaps.cf").touch()
    return etc


def postconf(folder: Path, *arguments: str) -> str:
    tree = programs.need("postfix")
    done = subprocess.run(
        [tree.program("usr/sbin/postconf"), "-c", str(folder), *arguments],
        env=tree.environment(),
        capture_output=True,
        text=True,
        timeout=COMMAND_TIMEOUT_S,
        check=True,
    )
    return done.stdout


@pytest.mark.parametrize("name", NAMES)
def test_every_value_is_what_postconf_says(tmp_path: Path, name: str) -> None:
    etc = copied(tmp_path, name)
    told = dict(line.partition(" =")[::2] for line in postconf(etc, "-x").splitlines())
    found = read_postfix(etc, host_name="here.example.net")
    differing = {
        key: (found.value(key), told[key].strip())
        for key in defaults()
        if key not in OF_MACHINE | OF_MESSAGES
        and " ".join(found.value(key).split()) != " ".join(told[key].split())
    }
    assert differing == {}
    rows = [line.split()[:2] for line in postconf(etc, "-M").splitlines() if not line[0].isspace()]
    assert [[service.name, service.kind] for service in found.services] == rows


# --- The same mail to both ------------------------------------------------------------------


def imported(base: Path, folder: Path) -> dict[str, Any]:
    """Import *folder* as its operator would, and return the settings; they are good."""
    config = base / "mailrail" / "mailrail.toml"
    done = mailrail("import", "postfix", str(folder), "--config", str(config))
    assert done.returncode == 0, done.stderr
    assert mailrail("config", "check", "--config", str(config)).returncode == 0
    return tomllib.loads(config.read_text())


@pytest.fixture
def places() -> Iterator[tuple[Path, Path]]:
    """Two folders that Postfix's own accounts may enter."""
    with folder("import") as one, folder("import") as other:
        yield one, other


@contextlib.contextmanager
def ours(
    base: Path, folder: Path, environment: Mapping[str, str] | None = None, **over: Any
) -> Iterator[Daemon]:
    """Run what *folder* becomes, at one free port."""
    settings = merged(imported(base, folder), over)
    first = {key: value for key, value in settings["listener"][0].items() if key != "address"}
    home = base / "ours"
    home.mkdir()
    with running(home, environment=environment, **{**settings, "listener": [first]}) as daemon:
        yield daemon


@contextlib.contextmanager
def theirs(base: Path, folder: Path) -> Iterator[MailServer]:
    """Run a Postfix with the main.cf of *folder*; tables are read from their text, for nobody ran postmap."""
    parameters = {name: one.value for name, one in parse_main((folder / "main.cf").read_text()).items()}
    for name, value in parameters.items():
        text = value.replace("hash:/etc/postfix/", f"texthash:{folder}/")
        parameters[name] = text.replace("pcre:/etc/postfix/", f"regexp:{folder}/")
    parameters |= {"inet_interfaces": "127.0.0.1", "inet_protocols": "ipv4", "compatibility_level": "3.6"}
    with postfix(parameters=parameters, tls=False) as server:
        yield server


Run = Callable[[Path, Path], contextlib.AbstractContextManager[Any]]
RUNS: tuple[Run, Run] = (theirs, ours)


def answers(host: str, port: int, recipients: Sequence[str]) -> dict[str, bool]:
    """Send one message to each of *recipients*, and return which were taken."""
    taken = {}
    for recipient in recipients:
        with smtplib.SMTP(host, port, timeout=20) as client:
            try:
                client.sendmail(ANN, recipient, wire(letter(to=recipient)))
            except smtplib.SMTPRecipientsRefused:
                taken[recipient] = False
            else:
                taken[recipient] = True
    return taken


def arrived(receiver: Receiver, count: int) -> list[str]:
    """Return the addresses that so many transactions were for, sorted."""
    mail = receiver.wait_for(count)
    return sorted(path.partition("<")[2].partition(">")[0] for one in mail for path in one.recipients)


def test_a_null_client_sends_everything_to_its_relayhost(places: tuple[Path, Path]) -> None:
    recipients = ["ann@anywhere.example", "root@web1.example.com"]
    outcomes = []
    for base, run in zip(places, RUNS, strict=True):
        with Receiver() as receiver:
            etc = copied(
                base, "null_client", {"relayhost": f"[127.0.0.1]:{receiver.address.rpartition(':')[2]}"}
            )
            with run(base, etc) as server:
                taken = answers(server.host, server.port, recipients)
                outcomes.append((taken, arrived(receiver, 2)))
    assert outcomes[0] == outcomes[1] == (dict.fromkeys(recipients, True), sorted(recipients))


def test_a_smarthost_gets_the_mail_under_tls_and_behind_the_login(tmp_path: Path) -> None:
    certificate = make_certificate(tmp_path, "localhost")
    with smarthost(certificate) as (seen, address):
        port = address.rpartition(":")[2]
        relayhost = f"[localhost]:{port}"
        etc = copied(tmp_path, "smarthost", {"relayhost": relayhost, "default_destination_rate_delay": "0s"})
        (etc / "sasl_passwd").write_text(f"{relayhost}  office@example.com:päss wörd\t\\\n")
        with ours(tmp_path, etc, {"SSL_CERT_FILE": str(certificate.ca_file)}) as daemon:
            send(daemon)
            daemon.wait_for("RecipientDelivered")
    assert seen.logins[0] == (b"office@example.com", "päss wörd\t\\".encode())


def test_virtual_alias_domains_lead_where_postfix_leads_them(places: tuple[Path, Path]) -> None:
    recipients = ["info@example.org", "ann+news@example.org", "sales-17@example.org", "whoever@example.net"]
    unknown = ["nobody@example.org"]
    outcomes = []
    for base, run in zip(places, RUNS, strict=True):
        with Receiver() as receiver:
            etc = copied(
                base, "virtual_alias", {"relayhost": f"[127.0.0.1]:{receiver.address.rpartition(':')[2]}"}
            )
            with run(base, etc) as server:
                taken = answers(server.host, server.port, [*recipients, *unknown])
                outcomes.append((taken, set(arrived(receiver, 4))))
    (taken, reached), (taken_here, reached_here) = outcomes
    assert taken_here == taken
    # A detail is not handed on to the target of an alias, as the report says.
    assert reached - reached_here == {"ann+news@else.example"}
    assert reached_here - reached == set()
    assert taken == {**dict.fromkeys(recipients, True), "nobody@example.org": False}
    assert {"bob@else.example", "sales@else.example", "catchall@else.example"} <= reached_here


def test_virtual_mailboxes_get_the_mail_that_postfix_would_put_there(places: tuple[Path, Path]) -> None:
    recipients = ["ann@example.com", "Bob@Example.com", "ann@example.org", "team@example.com"]
    unknown = ["carl@example.com", "bob@example.org"]
    outcomes = []
    for base, run in zip(places, RUNS, strict=True):
        boxes = base / "boxes"
        boxes.mkdir()
        shutil.chown(boxes, int(NOBODY), int(NOBODY))
        certificate = make_certificate(base, "mail.example.com")
        certificate.chain_file.chmod(0o600)
        changes = {
            "virtual_mailbox_base": str(boxes),
            "virtual_uid_maps": f"static:{NOBODY}",
            "virtual_gid_maps": f"static:{NOBODY}",
            "smtpd_tls_cert_file": str(certificate.chain_file),
            "smtpd_tls_key_file": str(certificate.chain_file),
            "smtpd_milters": "",
            "smtpd_recipient_restrictions": "permit_mynetworks, reject_unauth_destination",
            "alias_maps": "",
        }
        etc = copied(base, "virtual_mailbox", changes)
        if run is theirs:
            with (etc / "main.cf").open("a") as stream:
                stream.write("smtpd_sasl_type = cyrus\nmydestination =\n")
        with run(base, etc) as server:
            taken = answers(server.host, server.port, [*recipients, *unknown])
            outcomes.append((taken, kept(boxes, 5)))
    assert outcomes[0] == outcomes[1]
    assert outcomes[1][1] == {"example.com/ann": 2, "example.com/bob": 2, "example.org/ann": 1}


def kept(boxes: Path, count: int) -> dict[str, int]:
    """Wait for so many messages, and return how many lie in each Maildir."""
    deadline = time.monotonic() + 20
    while len(found := list(boxes.glob("*/*/new/*"))) < count and time.monotonic() < deadline:
        time.sleep(PAUSE_S)
    boxes_of = [str(file.parent.parent.relative_to(boxes)) for file in found]
    return {box: boxes_of.count(box) for box in sorted(boxes_of)}


def test_a_backup_mx_takes_what_postfix_takes_and_passes_it_on(places: tuple[Path, Path]) -> None:
    taken_by_both = ["whoever@example.org", "ann@example.net", "any@inside.example"]
    refused = ["carl@example.net", "who@elsewhere.example"]
    port = free_port()
    records = {
        "example.org": ["MX 10 mx1.example.org", "MX 20 mx2.example.com"],
        "example.net": ["MX 10 mx1.example.org"],
        "mx1.example.org": ["A 127.0.0.31"],
        "mx2.example.com": ["A 127.0.0.1"],
    }
    by_mx = {"mx_port": port}
    outcomes = []
    for base, run in zip(places, RUNS, strict=True):
        with (
            Receiver() as inside,
            Receiver(host="127.0.0.31", port=port) as primary,
            DnsServer(records) as names,
        ):
            asked = {"servers": [str(names.endpoint)]}
            etc = copied(base, "backup_mx", {"mynetworks": "127.0.0.77"})
            (etc / "transport").write_text(
                f"inside.example  smtp:[127.0.0.1]:{inside.address.rpartition(':')[2]}\n"
            )
            with run(base, etc) if run is theirs else ours(base, etc, dns=asked, routing=by_mx) as server:
                taken = answers(server.host, server.port, [*taken_by_both, *refused])
                outcomes.append((taken, arrived(inside, 1)))
                if run is ours:
                    assert arrived(primary, 2) == ["ann@example.net", "whoever@example.org"]
    assert outcomes[0] == outcomes[1]
    assert outcomes[1][0] == {**dict.fromkeys(taken_by_both, True), **dict.fromkeys(refused, False)}

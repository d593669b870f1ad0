"""People's mail programs: other people's clients log in to a real mailrail and send (A33, A34)."""

import asyncio
import json
import os
import smtplib
import ssl
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import aiosmtplib
import pytest
from tests.support.daemon import Daemon, running, to
from tests.support.issuer import AUDIENCE, CLIENT_ID, NAME, issuer
from tests.support.issuer import SECRET as SECRET_OF_CLIENT
from tests.support.letters import letter
from tests.support.peers.certificates import Certificate, make_certificate
from tests.support.peers.dovecot import dovecot
from tests.support.peers.processes import free_port
from tests.support.peers.swaks import Dialogue, swaks
from tests.support.receiver import Receiver

from mailrail import Login, Result, SendError, send_sync

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

HOST = "mail.test.example"
ANN, SECRET = "ann@test.example", "correct horse battery"
OK, NO_USER, NO_PERMISSION = 0, 67, 77


class House:
    """A daemon with a submission listener on STARTTLS and one on TLS from the first byte.

    Attributes:
        starttls, wrapped: their ports.
        users: the user file.
    """

    def __init__(self, folder: Path) -> None:
        self.starttls, self.wrapped = free_port(), free_port()
        self.users = folder / "users.toml"
        self.certificate = make_certificate(folder, HOST)
        self.certificate.chain_file.chmod(0o600)

    def settings(self, **more: object) -> dict[str, Any]:
        file = self.certificate.chain_file
        return {
            "tls": {"certificate": [{"chain": file, "key": file}]},
            "relay": {"networks": []},
            "users": {"file": self.users},
            "listener": [
                {},
                {"address": f"127.0.0.1:{self.starttls}", "role": "submission"},
                {"address": f"127.0.0.1:{self.wrapped}", "role": "submission", "implicit_tls": True},
            ],
            **more,
        }

    def swaks(self, *options: str, port: int = 0) -> Dialogue:
        common = ("--from", ANN, "--to", "bob@elsewhere.example", "--auth-user", ANN)
        return swaks("127.0.0.1", port or self.starttls, *common, *options)

    def smtplib(self) -> smtplib.SMTP:
        client = smtplib.SMTP("127.0.0.1", self.starttls, timeout=20)
        client.starttls(context=client_context(self.certificate))
        return client


def client_context(certificate: Certificate) -> ssl.SSLContext:
    context = certificate.client_context()
    context.check_hostname = False  # the tests connect by address
    return context


def note(subject: str, author: str = ANN) -> EmailMessage:
    message = letter(subject)
    message.replace_header("From", author)
    return message


def send_with(house: House, login: Login) -> Result:
    return send_sync(note("hi"), "127.0.0.1", house.wrapped, tls="encrypt", implicit_tls=True, login=login)


def add(daemon: Daemon, name: str = ANN, password: str = SECRET) -> None:
    done = daemon.command("user", "add", name, "--stdin", stdin=f"{password}\n")
    assert done.returncode == OK, done.stderr


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    return House(tmp_path_factory.mktemp("logins"))


@pytest.fixture(scope="module")
def daemon(house: House, receiver: Receiver, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    folder = tmp_path_factory.mktemp("daemon")
    with running(folder, **house.settings(route=[to(receiver.address)])) as daemon:
        add(daemon)  # while it runs: it must see it at the next login
        yield daemon


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
def test_swaks_logs_in_and_sends_anywhere(
    house: House, daemon: Daemon, receiver: Receiver, mechanism: str
) -> None:
    before = len(receiver.wait_for(0))
    done = house.swaks("--tls", "--auth", mechanism, "--auth-password", SECRET)
    assert done.exit_code == 0, done.transcript
    mail = receiver.wait_for(before + 1)[-1]
    assert b"with ESMTPSA id" in mail.header
    assert daemon.wait_for("LoggedIn", user=ANN, mechanism=mechanism)
    assert daemon.wait_for("MessageAccepted", user=ANN)
    assert daemon.wait_for("SessionClosed", user=ANN)


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "PLAIN", "LOGIN"])
def test_our_client_logs_in_by_each_mechanism(house: House, daemon: Daemon, mechanism: str) -> None:
    login = Login(ANN.upper(), SECRET, mechanisms=(mechanism,))  # capitals make no difference
    result = send_sync(note("hi"), "127.0.0.1", house.wrapped, tls="encrypt", implicit_tls=True, login=login)
    assert result.accepted
    assert daemon.wait_for("LoggedIn", mechanism=mechanism, user=ANN)


def test_scram_sha_1_is_there_for_who_asks_for_it_by_name(tmp_path: Path, receiver: Receiver) -> None:
    house, names = House(tmp_path), ("SCRAM-SHA-1-PLUS", "SCRAM-SHA-1")
    settings = house.settings(route=[to(receiver.address)])
    settings["users"] = {"file": house.users, "scram_sha_1": True}
    settings["listener"][-1]["auth"] = [*names, "PLAIN"]
    with running(tmp_path, **settings) as daemon:
        add(daemon)
        assert "SCRAM-SHA-1" in daemon.command("user", "show", ANN).stdout
        for name in names:
            login = Login(ANN, SECRET, mechanisms=(name,))
            send_sync(note("hi"), "127.0.0.1", house.wrapped, tls="encrypt", implicit_tls=True, login=login)
            assert daemon.wait_for("LoggedIn", mechanism=name, user=ANN)
        with house.smtplib() as client:
            client.ehlo()
            assert "SCRAM-SHA-256" in client.esmtp_features["auth"]
            assert "SCRAM-SHA-1" not in client.esmtp_features["auth"].replace("SCRAM-SHA-256", "")


def test_one_mailrail_logs_in_to_another_by_its_certificate(tmp_path: Path, receiver: Receiver) -> None:
    near, far = tmp_path / "near", tmp_path / "far"
    near.mkdir()
    far.mkdir()
    house, shown = House(far), make_certificate(near, ANN)
    shown.chain_file.chmod(0o600)
    settings = house.settings(route=[to(receiver.address)])
    asks = {"client_certificate": "ask", "client_ca": shown.ca_file, "auth": ["EXTERNAL", "PLAIN"]}
    settings["listener"][1] |= asks
    files = {"chain": shown.chain_file, "key": shown.chain_file}
    hop: dict[str, Any] = {"tls": "encrypt", "certificate": files, "login": {"mechanisms": ["EXTERNAL"]}}
    with (
        running(far, **settings) as second,
        running(near, route=[to(f"127.0.0.1:{house.starttls}", **hop)]) as first,
    ):
        before = len(receiver.wait_for(0))
        assert send_sync(note("hi"), first.host, first.port).accepted
        (deferred, *_) = first.wait_for("RecipientDeferred")
        assert deferred["blame"] == "ourselves", "nobody has this name yet, and nothing bounces"
        add(second)
        assert b"with ESMTPSA id" in receiver.wait_for(before + 1)[-1].header
        assert second.wait_for("LoggedIn", mechanism="EXTERNAL", user=ANN)


def test_smtplib_logs_in_and_a_second_time_is_refused(house: House, daemon: Daemon) -> None:
    with house.smtplib() as client:
        client.login(ANN, SECRET)
        client.send_message(note("by smtplib"), ANN, ["bob@elsewhere.example"])
        assert client.docmd("AUTH", "PLAIN AGFubgBzZWNyZXQ=")[0] == 503


def test_smtplib_logs_in_and_sends_under_tls_from_the_first_byte(
    house: House, daemon: Daemon, receiver: Receiver
) -> None:
    before = len(receiver.wait_for(0))
    context = client_context(house.certificate)
    with smtplib.SMTP_SSL("127.0.0.1", house.wrapped, timeout=20, context=context) as client:
        client.login(ANN, SECRET)
        client.send_message(note("by SMTP_SSL"), ANN, ["bob@elsewhere.example"])
    assert b"with ESMTPSA id" in receiver.wait_for(before + 1)[-1].header


@pytest.mark.parametrize("is_wrapped", [False, True], ids=["STARTTLS", "TLS from the first byte"])
def test_aiosmtplib_logs_in_and_sends(house: House, daemon: Daemon, is_wrapped: bool) -> None:
    async def run() -> None:
        client = aiosmtplib.SMTP(
            hostname="127.0.0.1",
            port=house.wrapped if is_wrapped else house.starttls,
            use_tls=is_wrapped,
            start_tls=not is_wrapped,
            tls_context=client_context(house.certificate),
            timeout=20,
        )
        async with client:
            with pytest.raises(aiosmtplib.SMTPAuthenticationError, match="Authentication failed"):
                await client.login(ANN, "wrong password")
            await client.login(ANN, SECRET)
            await client.send_message(note("by aiosmtplib"), sender=ANN, recipients=["bob@elsewhere.example"])

    asyncio.run(run())


def test_a37_nobody_writes_in_another_s_name(house: House, daemon: Daemon) -> None:
    with house.smtplib() as client:
        client.login(ANN, SECRET)
        with pytest.raises(smtplib.SMTPSenderRefused, match="may not send as"):
            client.send_message(note("no"), "eve@test.example", ["bob@elsewhere.example"])
        with pytest.raises(smtplib.SMTPDataError, match="may not write as"):
            client.send_message(note("no", "Eve <eve@test.example>"), ANN, ["bob@elsewhere.example"])
    assert daemon.command("user", "change", ANN, "--send-as", "Eve@test.example").returncode == OK
    with house.smtplib() as client:
        client.login(ANN, SECRET)
        client.send_message(note("yes", "eve@test.example"), "eve@test.example", ["bob@elsewhere.example"])


def test_mail_without_a_login_is_refused_and_told_what_comes_first(house: House, daemon: Daemon) -> None:
    in_clear = swaks("127.0.0.1", house.starttls, "--from", ANN, "--to", "bob@elsewhere.example")
    assert in_clear.has_reply("530 5.7.0 Say STARTTLS first")
    under_tls = swaks("127.0.0.1", house.starttls, "--from", ANN, "--to", "bob@elsewhere.example", "--tls")
    assert under_tls.has_reply("530 5.7.0 Authentication required")


def test_a33_a_login_in_clear_is_neither_offered_nor_taken(house: House, daemon: Daemon) -> None:
    with smtplib.SMTP("127.0.0.1", house.starttls, timeout=20) as client:
        client.ehlo()
        assert not client.has_extn("auth")
        assert client.docmd("AUTH", "PLAIN AGFubgBzZWNyZXQ=")[0] == 538


def test_an_mx_listener_offers_no_login(house: House, daemon: Daemon) -> None:
    with smtplib.SMTP(daemon.host, daemon.port, timeout=20) as client:
        client.starttls(context=client_context(house.certificate))
        client.ehlo()
        assert not client.has_extn("auth")
        assert client.docmd("AUTH", "PLAIN AGFubgBzZWNyZXQ=")[0] == 502


def test_a34_a_wrong_password_and_a_user_who_is_not_there_hear_the_same(house: House, daemon: Daemon) -> None:
    said = []
    for name in (ANN, "nobody@test.example"):
        with house.smtplib() as client, pytest.raises(smtplib.SMTPAuthenticationError) as caught:
            client.login(name, "wrong password")
        said.append((caught.value.smtp_code, caught.value.smtp_error))
    assert said[0] == said[1]
    assert said[0][0] == 535
    assert daemon.wait_for("LoginRefused", claimed="nobody@test.example")
    assert "wrong password" not in json.dumps(daemon.events("LoginRefused")).replace(
        "wrong password or no such user", ""
    )


def test_a_user_who_is_disabled_cannot_log_in_until_enabled(house: House, daemon: Daemon) -> None:
    password = "another password"
    add(daemon, "carol", password)

    def log_in() -> None:
        with house.smtplib() as client:
            client.login("carol", password)

    log_in()
    assert daemon.command("user", "disable", "carol").returncode == OK
    with pytest.raises(smtplib.SMTPAuthenticationError):
        log_in()
    assert daemon.command("user", "verify", "carol", "--stdin", stdin=password).returncode == NO_PERMISSION
    assert daemon.command("user", "enable", "carol").returncode == OK
    log_in()
    assert daemon.command("user", "delete", "carol", "--yes").returncode == OK
    assert daemon.command("user", "show", "carol").returncode == NO_USER


def test_a_user_file_that_is_broken_is_told_and_the_users_from_before_stay(
    house: House, daemon: Daemon
) -> None:
    good = house.users.read_text()
    house.users.write_text("not toml at all\n")
    try:
        done = house.swaks("--tls", "--auth", "PLAIN", "--auth-password", SECRET)
        assert done.exit_code == 0, done.transcript
        assert house.swaks("--tls", "--auth", "PLAIN", "--auth-password", "wrong one").exit_code != 0
        assert daemon.wait_for("UsersRefused")
    finally:
        house.users.write_text(good)


def test_a35_who_guesses_is_locked_out_over_a_restart_until_the_operator_unlocks(
    tmp_path: Path, receiver: Receiver
) -> None:
    house = House(tmp_path)
    guessing = {"exempt": [], "client_failures": 3, "session_failures": 2, "first_delay_s": "100ms"}
    with running(tmp_path, **house.settings(guessing=guessing, route=[to(receiver.address)])) as daemon:
        add(daemon)
        for n in range(3):
            done = house.swaks("--tls", "--auth", "PLAIN", "--auth-password", f"wrong password {n}")
            assert done.has_reply("535 5.7.8"), done.transcript
        assert daemon.wait_for("LoginLocked", client="127.0.0.1")
        daemon.stop()
        daemon.start()
        done = house.swaks("--tls", "--auth", "PLAIN", "--auth-password", SECRET)
        assert done.has_reply("421 4.7.0 Too many failed logins"), done.transcript
        assert daemon.command("user", "unlock", "127.0.0.1").returncode == OK
        done = house.swaks("--tls", "--auth", "PLAIN", "--auth-password", SECRET)
        assert done.exit_code == 0, done.transcript


def test_a_python_function_says_who_may_log_in(tmp_path: Path, receiver: Receiver) -> None:
    house = House(tmp_path)
    module = tmp_path / "people_of_a_test.py"
    module.write_text(f"def check(user, password):\n    return (user, password) == ({ANN!r}, {SECRET!r})\n")
    settings = house.settings(users={"function": "people_of_a_test:check"}, route=[to(receiver.address)])
    path = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
    with running(tmp_path, environment={"PYTHONPATH": path}, **settings) as daemon:
        with house.smtplib() as client:
            assert "SCRAM" not in client.esmtp_features.get("auth", "")
            client.login(ANN, SECRET)
            client.send_message(note("by a function"), ANN, ["bob@elsewhere.example"])
        with house.smtplib() as client, pytest.raises(smtplib.SMTPAuthenticationError):
            client.login(ANN, "wrong password")
        assert daemon.wait_for("LoggedIn", user=ANN)


def test_tokens_of_an_issuer_log_in_by_both_mechanisms_and_those_of_others_do_not(
    tmp_path: Path, receiver: Receiver
) -> None:
    house = House(tmp_path)
    with issuer() as site:
        oauth = {"keys_url": f"{site.url}/keys", "issuer": NAME, "audience": AUDIENCE}
        settings = house.settings(users={"oauth": oauth}, route=[to(receiver.address)])
        with running(tmp_path, **settings) as daemon:
            message = f"user={ANN}\x01auth=Bearer {site.token(ANN)}\x01\x01"
            with house.smtplib() as client:
                client.ehlo()
                assert client.esmtp_features["auth"].split() == ["OAUTHBEARER", "XOAUTH2"]
                client.auth("XOAUTH2", lambda challenge=None: message)
                client.send_message(note("by a token"), ANN, ["bob@elsewhere.example"])
            assert daemon.wait_for("LoggedIn", mechanism="XOAUTH2", user=ANN)
            assert send_with(house, Login("", token=site.token(ANN))).accepted
            assert daemon.wait_for("LoggedIn", mechanism="OAUTHBEARER", user=ANN)
            assert site.asked == ["/keys"]
            wrong = ((site.token(ANN, aud="web"), "somebody else"), ("forged", "no signed token"))
            for number, (token, word) in enumerate(wrong, 1):
                with pytest.raises(SendError):
                    send_with(house, Login(ANN, token=token))
                refused = daemon.wait_for("LoginRefused", number)
                assert word in refused[-1]["reason"]
                assert token not in json.dumps(refused)


def test_who_issued_a_token_is_asked_at_each_login(tmp_path: Path, receiver: Receiver) -> None:
    house = House(tmp_path)
    secret = tmp_path / "secret"
    secret.write_text(SECRET_OF_CLIENT)
    secret.chmod(0o600)
    with issuer() as site:
        oauth = {
            "introspection_url": f"{site.url}/introspect",
            "client_id": CLIENT_ID,
            "client_secret_file": secret,
        }
        settings = house.settings(users={"oauth": oauth}, route=[to(receiver.address)])
        with running(tmp_path, **settings) as daemon:
            token = site.opaque_token(ANN)
            assert send_with(house, Login(ANN, token=token)).accepted
            site.opaque.clear()  # it is taken back
            with pytest.raises(SendError, match="535"):
                send_with(house, Login(ANN, token=token))
            site.override = (500, {}, b"")
            with pytest.raises(SendError, match="454"):
                send_with(house, Login(ANN, token=token))
            assert daemon.wait_for("MessageAccepted", user=ANN)


def test_a_real_dovecot_says_who_may_log_in(tmp_path: Path, receiver: Receiver) -> None:
    house = House(tmp_path)
    with dovecot({ANN: SECRET}) as socket:
        settings = house.settings(users={"dovecot": socket}, route=[to(receiver.address)])
        with running(tmp_path, **settings) as daemon:
            done = house.swaks("--tls", "--auth", "LOGIN", "--auth-password", SECRET)
            assert done.exit_code == 0, done.transcript
            done = house.swaks("--tls", "--auth", "PLAIN", "--auth-password", "wrong password")
            assert done.has_reply("535 5.7.8"), done.transcript
            assert daemon.wait_for("MessageAccepted", user=ANN)
            socket.unlink()  # nobody is there any more
            done = house.swaks("--tls", "--auth", "PLAIN", "--auth-password", "another password")
            assert done.has_reply("454 4.7.0 Logins cannot be checked now"), done.transcript

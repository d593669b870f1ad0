"""From files to settings: merging, positions, permissions, and the good case."""

from pathlib import Path

import pytest

from mailrail.config import BadSettingsError, MailrailSettings, Role, load
from mailrail.model import SystemClock
from mailrail.net import self_signed


def write(directory: Path, text: str, name: str = "mailrail.toml", mode: int = 0o600) -> Path:
    file = directory / name
    file.parent.mkdir(exist_ok=True)
    file.write_text(text, "utf-8")
    file.chmod(mode)
    return file


def complaints(file: Path) -> list[str]:
    with pytest.raises(BadSettingsError) as caught:
        load(file)
    assert "\n".join(map(str, caught.value.problems)) == str(caught.value)
    return [str(problem).replace(f"{file.parent}/", "") for problem in caught.value.problems]


def test_the_hostname_is_enough(tmp_path: Path) -> None:
    settings = load(write(tmp_path, 'hostname = "MX1.example.org"'))
    assert settings == MailrailSettings(hostname="mx1.example.org")
    assert settings.relay.networks == ()


def test_the_example_of_the_design_loads(tmp_path: Path) -> None:
    settings = load(
        write(
            tmp_path,
            """
            hostname = "mx1.example.org"
            spool.path = "/var/lib/mailrail"

            [[listener]]
            address = "0.0.0.0:25"
            role = "mx"

            [relay]
            networks = ["127.0.0.0/8", "::1"]

            [domain."example.org"]
            relay_to = "10.0.0.5:25"

            [[route]]
            match = "*.partner.example"
            next_hop = "smtp.partner.example:587"
            tls = "verify"

            [dns]
            servers = ["127.0.0.1:53"]
            """,
        )
    )
    assert settings.listener[0].role is Role.MX
    assert [str(network) for network in settings.relay.networks] == ["127.0.0.0/8", "::1/128"]
    assert settings.domain["example.org"].relay_to == "10.0.0.5:25"


def test_files_beside_it_are_read_after_it_in_the_order_of_their_names(tmp_path: Path) -> None:
    main = write(tmp_path, 'hostname = "a.example"\n[[route]]\nmatch = "a.example"\n[queue]\npoll_s = 2\n')
    write(tmp_path, '[[route]]\nmatch = "c.example"\n[queue]\nidle_s = 7\n', "conf.d/20.toml")
    write(tmp_path, '[[route]]\nmatch = "b.example"\n', "conf.d/10.toml")
    write(tmp_path, "not read", "conf.d/README")
    settings = load(main)
    assert [route.match for route in settings.route] == ["a.example", "b.example", "c.example"]
    assert (settings.queue.poll_s, settings.queue.idle_s) == (2, 7)


def test_a_key_given_in_two_files_is_an_error_naming_both(tmp_path: Path) -> None:
    main = write(tmp_path, 'hostname = "a.example"\n[queue]\npoll_s = 2\n')
    write(tmp_path, "\n[queue]\npoll_s = 3\n", "conf.d/10.toml")
    assert complaints(main) == [
        (
            "conf.d/10.toml:3: queue.poll_s: is given twice: it stands in mailrail.toml:3 already"
            "\n    keep one of the two; no file wins over another"
        )
    ]


def test_an_error_in_a_later_array_element_names_the_file_it_came_from(tmp_path: Path) -> None:
    main = write(tmp_path, 'hostname = "a.example"\n[[route]]\nmatch = "a.example"\n')
    write(tmp_path, '[[route]]\nmatch = "b.example"\n[[route]]\nmatch = "*x"\n', "conf.d/10.toml")
    assert complaints(main)[0].startswith("conf.d/10.toml:4: route[3].match: ")


def test_a_broken_file_does_not_hide_the_errors_of_the_others(tmp_path: Path) -> None:
    main = write(tmp_path, "hostname = \n")
    write(tmp_path, "[queue]\npoll = 3\n", "conf.d/10.toml")
    first, second = complaints(main)
    assert first.startswith("mailrail.toml:1: is not TOML")
    assert second.startswith("conf.d/10.toml:2: queue.poll: there is no such key")


def test_a_missing_file_says_how_to_name_one(tmp_path: Path) -> None:
    assert complaints(tmp_path / "no.toml") == [
        (
            "no.toml: there is no such file"
            "\n    name the file with --config FILE; `mailrail config reference --format toml` prints one to start from"
        )
    ]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"hostname = '\xff'", "is not UTF-8 (byte 12)"),
        (b"a = " + b"[" * 3000 + b"]" * 3000, "values are nested too deeply"),
        (b"#" * (16 * 1024 * 1024 + 1), "is over 16777216 bytes"),
    ],
)
def test_what_is_no_settings_file_at_all_is_one_clear_error(
    content: bytes, words: str, tmp_path: Path
) -> None:
    file = tmp_path / "mailrail.toml"
    file.write_bytes(content)
    assert words in complaints(file)[0]


def test_a_directory_is_no_settings_file(tmp_path: Path) -> None:
    assert "cannot be read: Is a directory" in complaints(tmp_path)[0]


PASSWORD = """
hostname = "a.example"
[[route]]
match = "*"
next_hop = "smtp.example.net:587"
[route.login]
user = "me"
"""


def test_a_password_in_a_file_that_everybody_can_read_is_refused_a77(tmp_path: Path) -> None:
    file = write(tmp_path, PASSWORD + 'password = "hunter2"\n', mode=0o644)
    assert complaints(file) == [
        (
            "mailrail.toml:8: route[1].login.password: is in a file that everybody can read, mailrail.toml"
            "\n    chmod 640 mailrail.toml"
        )
    ]
    file.chmod(0o640)
    assert "hunter2" not in repr(load(file))


def test_a_password_file_that_everybody_can_read_is_refused_a77(tmp_path: Path) -> None:
    secret = write(tmp_path, "hunter2\n", "secret", mode=0o644)
    file = write(tmp_path, PASSWORD + f'password_file = "{secret}"\n', mode=0o644)
    assert complaints(file) == [
        "mailrail.toml:8: route[1].login.password_file: secret can be read by everybody\n    chmod 640 secret"
    ]
    secret.chmod(0o640)
    assert load(file).route[0].login is not None
    secret.write_text("\n")
    assert "secret is empty" in complaints(file)[0]
    secret.unlink()
    assert "secret cannot be read: No such file or directory" in complaints(file)[0]


def test_a_token_file_that_everybody_can_read_is_refused_a77(tmp_path: Path) -> None:
    secret = write(tmp_path, "t0ken\n", "secret", mode=0o644)
    file = write(tmp_path, PASSWORD + f'token_file = "{secret}"\n', mode=0o644)
    assert complaints(file) == [
        "mailrail.toml:8: route[1].login.token_file: secret can be read by everybody\n    chmod 640 secret"
    ]
    secret.write_text("\n")
    secret.chmod(0o640)
    assert "its first line is the token" in complaints(file)[0]


def test_a_key_file_that_everybody_can_read_is_refused_a77(tmp_path: Path) -> None:
    chain, key = self_signed("a.example", SystemClock())
    (tmp_path / "chain.pem").write_bytes(chain)
    (tmp_path / "key.pem").write_bytes(key)
    (tmp_path / "key.pem").chmod(0o644)
    file = write(
        tmp_path,
        'hostname = "a.example"\n'
        f'[[tls.certificate]]\nchain = "{tmp_path}/chain.pem"\nkey = "{tmp_path}/key.pem"\n'
        '[[listener]]\naddress = "0.0.0.0:465"\nimplicit_tls = true\n',
    )
    assert complaints(file) == [
        "mailrail.toml:2: tls.certificate[1]: TLS key key.pem can be read by everybody\n    chmod 600 key.pem"
    ]
    (tmp_path / "key.pem").chmod(0o600)
    assert load(file).listener[0].implicit_tls


def test_a_conf_d_that_cannot_be_looked_into_is_no_empty_one(tmp_path: Path) -> None:
    file = write(tmp_path, 'hostname = "mx1.example.org"')
    (tmp_path / "conf.d").touch()
    assert complaints(file) == ["conf.d: cannot be read: Not a directory"]

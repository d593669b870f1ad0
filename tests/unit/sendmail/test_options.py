"""Command lines, as programs have written them for forty years."""

import shlex

import pytest

from mailrail.sendmail.exits import Stop
from mailrail.sendmail.options import Options, read_options

PLAIN = vars(Options("send"))


def differences(program: str, line: str) -> dict[str, object]:
    found = vars(read_options(program, shlex.split(line)))
    return {name: value for name, value in found.items() if value != PLAIN[name]}


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("bob", {"recipients": ["bob"]}),
        ("-t", {"takes_recipients": True}),
        ("-t -i", {"takes_recipients": True, "ends_at_dot": False}),  # PHP, by default
        ("-ti", {"takes_recipients": True, "ends_at_dot": False}),
        ("-i -t -f ann@a.example", {"takes_recipients": True, "ends_at_dot": False, "sender": "ann@a.example"}),
        ("-oi -fann@a.example -- bob -t", {"ends_at_dot": False, "sender": "ann@a.example", "recipients": ["bob", "-t"]}),
        ("-oem -oi -bm bob", {"ends_at_dot": False, "recipients": ["bob"]}),  # mutt
        ("-FCronDaemon -i -B8BITMIME -oem root", {"name": "CronDaemon", "ends_at_dot": False, "recipients": ["root"]}),
        ("-i -FCronDaemon -odi -oem -oi -t -f root", {"name": "CronDaemon", "ends_at_dot": False, "takes_recipients": True, "sender": "root"}),
        ("-r <> bob", {"sender": "<>", "recipients": ["bob"]}),
        ("-f '' bob", {"sender": "", "recipients": ["bob"]}),
        ("-N success,delay -R hdrs -V abc bob", {"notify": "SUCCESS,DELAY", "ret": "HDRS", "envid": "abc", "recipients": ["bob"]}),
        ("-N never -R 5000 bob", {"notify": "NEVER", "recipients": ["bob"]}),
        ("-O DeliveryMode=b -O IgnoreDots -oQ/tmp -o7 bob", {"ends_at_dot": False, "recipients": ["bob"]}),
        ("-oMr spam -oMa 127.0.0.1 bob", {"recipients": ["bob"]}),  # Exim's take another word
        ("-h 3 -L tag -p ESMTP:host -X /tmp/log -Ac -U -n -m -G -d0-4.1 -e m bob", {"recipients": ["bob"]}),
        ("-v -C /etc/m.toml bob", {"is_verbose": True, "settings": "/etc/m.toml", "recipients": ["bob"]}),
        ("-bs", {"mode": "smtp"}),
        ("-bv bob", {"mode": "verify", "recipients": ["bob"]}),
        ("-bp", {"mode": "queue"}),
        ("-bi", {"mode": "aliases"}),
        ("-I", {"mode": "aliases"}),
        ("-bH", {"mode": "nothing"}),
        ("-q", {"mode": "flush"}),
        ("-qf", {"mode": "flush"}),
        ("-qRexample.org", {"mode": "flush", "flushes": "Rexample.org"}),
        ("-qI2ZxJ8WCl49r", {"mode": "flush", "flushes": "I2ZxJ8WCl49r"}),
        ("-qSann", {"mode": "flush", "flushes": "Sann"}),
        ("-q30m", {"mode": "nothing"}),
        ("-", {"recipients": ["-"]}),
    ],
)  # fmt: skip
def test_a_command_line_means_what_it_has_always_meant(line: str, expected: dict[str, object]) -> None:
    assert differences("sendmail", line) == expected


@pytest.mark.parametrize("program", ["mailq", "mailrail-mailq"])
def test_the_name_of_the_program_is_a_mode(program: str) -> None:
    assert differences(program, "-j") == {"mode": "queue", "as_json": True}
    assert differences(program.replace("mailq", "newaliases"), "") == {"mode": "aliases"}
    assert differences("newaliases", "-bp") == {"mode": "queue"}


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("-bd -q30m", "mailrail serve"),
        ("-bD", "mailrail serve"),
        ("-bt", "mailrail explain"),
        ("-bx", "no such mode"),
        ("-Z", "-Z is no option"),
        ("-f", "-f wants an argument"),
        ("-j bob", "-j is no option"),
        ("-bp bob", "no recipient is wanted"),
        ("-bp -t", "-t takes recipients"),
        ("-N sometimes bob", "-N sometimes"),
        ("-N never,failure bob", "-N never,failure"),
        ("-R some bob", "-R some"),
        ("-V 'a b' bob", "-V wants"),
        ("-B BINARY bob", "7BIT or 8BITMIME"),
        ("-qX", "write -q, -qIid"),
        ("-qR", "write -q, -qIid"),
        ("-q!Rbob", "what is to be tried"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_refused_in_so_many_words(line: str, why: str) -> None:
    with pytest.raises(Stop, match=why) as stop:
        read_options("sendmail", shlex.split(line))
    assert stop.value.code == 64

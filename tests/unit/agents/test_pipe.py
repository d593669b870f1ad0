"""Programs: what they are given, what their end means, and that nothing of them outlives its time."""

import asyncio
import os
import signal
import sys
import textwrap
import time
from pathlib import Path

import pytest
from tests.unit.agents.desk import UID, Desk, letter, replies

from mailrail.agents import classify
from mailrail.agents.api import Letter
from mailrail.agents.pipe import alias_command
from mailrail.agents.settings import AgentSettings
from mailrail.model import Blame, Deferred, Failed, Outcome, Recipient, parse_address
from mailrail.spool import SMALL_BYTES

BOB = "bob@example.org"


def script(tmp_path: Path, text: str) -> str:
    path = tmp_path / "program"
    path.write_text(f"#!{sys.executable}\nimport os, sys, time\n{textwrap.dedent(text)}")
    path.chmod(0o755)
    return str(path)


def piped(command: list[str], **more: object) -> Desk:
    settings = AgentSettings.model_validate({"kind": "pipe", "command": command, **more})
    return Desk(settings, uid=UID)


def run(desk: Desk, one: Letter) -> list[Outcome]:
    return asyncio.run(desk.try_once(one))


def test_a_program_gets_message_arguments_and_a_clean_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_OF_OURS", "x")
    seen = tmp_path / "seen"
    program = script(
        tmp_path,
        f"""
        with open({str(seen)!r}, "a") as out:
            print(sys.argv[1:], dict(sorted(os.environ.items())), sys.stdin.buffer.read(), file=out)
        """,
    )
    desk = piped(
        [program, "-f", "{sender}", "--to={local_part}", "{detail}", "$(x) ; {recipient}"],
        environment={"A": "b"},
    )
    bob = Recipient(parse_address("Bob+news@example.org"), orcpt="rfc822;team@example.org")
    assert replies(run(desk, letter(bob))) == ["Delivered 250 2.0.0"]
    text = seen.read_text()
    assert "['-f', 'ann@example.com', '--to=bob', 'news', '$(x) ; Bob+news@example.org']" in text
    assert "SECRET_OF_OURS" not in text
    for pair in (
        "'SENDER': 'ann@example.com'", "'RECIPIENT': 'Bob+news@example.org'", "'LOCAL': 'bob'", "'EXTENSION': 'news'",
        "'ORIGINAL_RECIPIENT': 'team@example.org'", "'HOME': '/home/rail'", "'A': 'b'", "'DOMAIN': 'example.org'",
    ):  # fmt: skip
        assert pair in text
    assert (
        "b'Return-Path: <ann@example.com>\\nX-Original-To: team@example.org\\nDelivered-To: Bob+news@example.org\\nFrom"
        in text
    )


def test_one_call_for_all_or_one_for_each(tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    program = script(
        tmp_path,
        f"""
        with open({str(seen)!r}, "a") as out:
            print(sys.argv[1:], b"Delivered-To" in sys.stdin.buffer.read(), file=out)
        """,
    )
    both = letter(BOB, "eve@example.org")
    assert len(run(piped([program, "--", "{recipient}"], together=True), both)) == 2
    assert len(run(piped([program, "{recipient}"]), both)) == 2
    assert seen.read_text().splitlines() == [
        "['--', 'bob@example.org', 'eve@example.org'] False",
        "['bob@example.org'] True",
        "['eve@example.org'] True",
    ]


def test_a_large_message_and_one_that_is_not_read(tmp_path: Path) -> None:
    content = b"Subject: x\r\n\r\n" + b"line\r\n" * (SMALL_BYTES // 3)
    size = tmp_path / "size"
    program = script(tmp_path, f"open({str(size)!r}, 'w').write(str(len(sys.stdin.buffer.read())))")
    run(piped([program]), letter(BOB, content=content))
    front = len(b"Return-Path: <ann@example.com>\nDelivered-To: bob@example.org\n")
    assert int(size.read_text()) == front + len(content.replace(b"\r\n", b"\n"))
    assert replies(run(piped(["/bin/true"]), letter(BOB, content=content))) == ["Delivered 250 2.0.0"]


@pytest.mark.parametrize(
    ("code", "said", "means"),
    [
        (0, b"fine", "Delivered 250 2.0.0"),
        (65, b"", "Failed 554 5.6.0"),
        (67, b"nobody of that name", "Failed 554 5.1.1"),
        (69, b"", "Failed 554 5.3.0"),
        (77, b"5.7.26 not from there", "Failed 554 5.7.26"),
        (77, b"4.7.0 wrong class", "Failed 554 5.7.0"),
        (75, b"4.2.2 full", "Deferred 451 4.2.2"),
        (75, b"", "Deferred 451 4.3.0"),
        (1, b"Traceback ...", "Deferred 451 4.3.0"),
        (64, b"usage: x", "Deferred 451 4.3.0"),
        (127, b"", "Deferred 451 4.3.0"),
        (-signal.SIGSEGV, b"", "Deferred 451 4.3.0"),
    ],
)
def test_what_an_exit_code_means(code: int, said: bytes, means: str) -> None:
    outcome = classify.from_exit(code, said)
    assert replies([outcome]) == [means]
    if not isinstance(outcome, Deferred | Failed):
        return
    assert outcome.blame in (Blame.MESSAGE, Blame.RECIPIENT)
    assert outcome.reply.source, "it is a reply of ours"


def test_what_a_program_wrote_is_quoted_bounded_and_harmless() -> None:
    outcome = classify.from_exit(65, b"first\x1b[31m line\r\n\r\n\xff second\n" + b"x" * 9000)
    words = outcome.reply.text
    assert words.startswith("the program does not understand the message: first?[31m line\n? second\nxxx")
    assert len(words) < 1100
    assert outcome.reply.wire.isascii()


def test_a_program_that_floods_its_output_is_read_and_goes_on(tmp_path: Path) -> None:
    program = script(tmp_path, "sys.stdout.write('y' * 3_000_000); sys.stdout.flush(); sys.exit(67)")
    (outcome,) = run(piped([program]), letter(BOB))
    assert replies([outcome]) == ["Failed 554 5.1.1"]
    assert len(outcome.reply.text) < 1100


def test_a_child_that_lives_on_holds_up_nobody(tmp_path: Path) -> None:
    child = tmp_path / "child"
    program = script(
        tmp_path,
        f"""
        if os.fork() == 0:
            open({str(child)!r} + ".new", "w").write(str(os.getpid()))
            os.rename({str(child)!r} + ".new", {str(child)!r})
            time.sleep(30)
        else:
            while not os.path.exists({str(child)!r}): pass
            os._exit(0)
        """,
    )
    assert replies(run(piped([program], timeout_s=20), letter(BOB))) == ["Delivered 250 2.0.0"]
    os.kill(int(child.read_text()), signal.SIGKILL)


def test_a_program_that_takes_too_long_is_ended_with_its_children(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    # No Python, which may need longer than that to start where much else runs.
    program = ["/bin/sh", "-c", f"sleep 60 & echo $! $$ > {pids}; wait"]
    (outcome,) = run(piped(program, timeout_s=1.0), letter(BOB))
    assert isinstance(outcome, Deferred)
    assert outcome.reply.text == "The agent took too long: more than 1 s"
    started = pids.read_text().split()
    assert len(started) == 2
    for pid in map(int, started):
        _wait_for_the_end(pid)


def _wait_for_the_end(pid: int) -> None:
    """A child of the program is not ours to reap: the kernel ends it in its own time, a moment after SIGKILL was sent."""
    for _ in range(2000):
        if not _lives(pid):
            return
        time.sleep(0.01)
    raise AssertionError(f"process {pid} still runs")


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def test_a_delivery_that_is_cancelled_ends_its_program(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    program = script(tmp_path, f"open({str(pids)!r}, 'w').write(str(os.getpid())); time.sleep(60)")

    async def main() -> None:
        task = asyncio.get_running_loop().create_task(piped([program]).try_once(letter(BOB)))
        while not (pids.exists() and pids.read_text()):
            await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        while _lives(int(pids.read_text())):
            await asyncio.sleep(0.01)

    asyncio.run(asyncio.wait_for(main(), 20))


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (["/no/such/program"], "No such file"),
        (["/etc/passwd"], "Permission denied"),
        ([], "name no command"),
    ],
)
def test_a_program_that_cannot_be_run_makes_mail_wait(command: list[str], words: str) -> None:
    (outcome,) = run(piped(command), letter(BOB))
    assert isinstance(outcome, Deferred)
    assert outcome.blame is Blame.OURSELVES
    assert words in outcome.reply.text


def test_an_address_never_becomes_an_option() -> None:
    """A25: a leading hyphen, and shell characters are only characters."""
    (outcome,) = run(piped(["/bin/echo", "{recipient}"]), letter("-rf@example.org"))
    assert isinstance(outcome, Failed)
    assert "taken for an option" in outcome.reply.text


def test_a_message_that_was_here_before_is_not_run_again() -> None:
    """A64."""
    content = b"Delivered-To: bob@example.org\r\n\r\n"
    assert replies(run(piped(["/bin/true"]), letter(BOB, content=content))) == ["Failed 554 5.4.6"]


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        ("/bin/echo 'a b' c", ["/bin/echo", "a b", "c"]),
        (' sh -c "exit"', ["/bin/sh", "-c", "exit"]),
        ("echo hi > /tmp/x", None),
        ("echo $HOME", None),
        ("exec /bin/x || exit 75", None),
        ("no-such-program-here", None),
        ("'half", None),
        ("", None),
    ],
)
def test_what_an_alias_names_is_split_without_a_shell(text: str, arguments: list[str] | None) -> None:
    if arguments is None:
        with pytest.raises(ValueError, match=r"shell|no program|quotation"):
            alias_command(text)
    else:
        found = alias_command(text)
        assert found[1:] == arguments[1:]
        assert found[0].endswith(arguments[0].rpartition("/")[2])


def test_an_alias_is_run_by_the_agent_pipe(tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    target = Recipient(parse_address(BOB), target=f"|/usr/bin/tee {seen}")
    assert replies(run(piped([]), letter(target))) == ["Delivered 250 2.0.0"]
    assert b"Delivered-To: bob@example.org\n" in seen.read_bytes()


def test_it_is_explained() -> None:
    async def lines(desk: Desk, one: Recipient) -> list[str]:
        return desk.agent().explain(one)

    bob = Recipient(parse_address(BOB))
    assert asyncio.run(lines(piped(["/bin/echo", "{recipient}"]), bob)) == [
        "program: /bin/echo bob@example.org",
        "run as: mailrail itself",
    ]
    assert "would be answered with 451" in asyncio.run(lines(piped([]), bob))[0]

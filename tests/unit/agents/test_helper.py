"""Mailboxes of other accounts: what is said to a helper and back, and that nothing of root is left in one."""

import asyncio
import io
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.agents.desk import CONTENT, FileSource

from mailrail.agents.accounts import Account
from mailrail.agents.deposit import Order
from mailrail.agents.frames import END, LOCKED, Answer, FrameError, frame, read_frame, to_answer, to_outcome
from mailrail.agents.helper import serve
from mailrail.agents.helpers import Helpers, RemoteScribe, RemoteSteps
from mailrail.agents.threads import Threads
from mailrail.client import WholeSource
from mailrail.model import Blame, Deferred, Delivered, Failed, Outcome
from mailrail.model import reply as say

NOBODY = Account("nobody", 65534, 65534, "/nonexistent")
OUTCOMES: tuple[Outcome, ...] = (
    Delivered(say.DELIVERED, "", is_final=True),
    Deferred(Blame.RECIPIENT, say.MAILBOX_FULL_NOW),
    Failed(Blame.RECIPIENT, say.MAILBOX_FULL),
    Deferred(Blame.OURSELVES, say.MAILBOX_UNAVAILABLE.with_text("two\nlines")),
)
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes somebody else")


def order(path: Path, *, kind: str = "maildir", number: int = 1) -> Order:
    return Order(
        kind=kind, path=str(path), name=f"1.{number}.x", front=b"Delivered-To: a@b\r\n", from_line=b"From a\n"
    )  # fmt: skip


def ask(*orders: tuple[Order, bytes]) -> list[Answer]:
    """Have a helper that is not another account carry out *orders*."""
    said = b"".join(frame(msgspec.json.encode(one)) + frame(content) + END for one, content in orders)
    answers = io.BytesIO()
    serve(io.BytesIO(said), answers)
    heard = io.BytesIO(answers.getvalue())
    return [msgspec.json.decode(read_frame(heard.read), type=Answer) for _ in orders]


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_an_outcome_is_told_and_heard(outcome: Outcome) -> None:
    assert to_outcome(msgspec.json.decode(msgspec.json.encode(to_answer(outcome)), type=Answer)) == outcome


@given(st.lists(st.binary(min_size=1, max_size=100)), st.integers(0, 30))
def test_frames_come_back_whole_or_are_known_not_to_be(contents: list[bytes], cut: int) -> None:
    said = b"".join(map(frame, contents)) + END
    stream = io.BytesIO(said)
    assert [read_frame(stream.read) for _ in contents] == contents
    assert read_frame(stream.read) == b""
    if 0 < cut < len(said):
        short = io.BytesIO(said[:-cut])
        with pytest.raises(FrameError):
            [read_frame(short.read) for _ in range(len(contents) + 1)]


def test_a_frame_longer_than_any_is_no_frame() -> None:
    with pytest.raises(FrameError, match="octets"):
        read_frame(io.BytesIO(b"\xff\xff\xff\xff").read)


def test_orders_are_carried_out_one_after_the_other(tmp_path: Path) -> None:
    answers = ask((order(tmp_path / "a"), CONTENT), (order(tmp_path / "b", kind="mbox"), CONTENT))
    assert [one.kind for one in answers] == ["delivered", "delivered"]
    assert len(os.listdir(tmp_path / "a" / "new")) == 1
    assert (tmp_path / "b").read_bytes().startswith(b"From a\n")


def test_a_mailbox_that_cannot_be_written_is_told_and_the_next_order_goes_on(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    answers = ask((order(tmp_path / "file"), CONTENT), (order(tmp_path / "good"), CONTENT))
    assert [(one.kind, one.blame) for one in answers] == [("deferred", "recipient"), ("delivered", "")]


def test_a_locked_mailbox_is_told(tmp_path: Path) -> None:
    (tmp_path / "box.lock").write_bytes(b"")
    locked = msgspec.structs.replace(
        order(tmp_path / "box", kind="mbox"), now_s=int((tmp_path / "box.lock").stat().st_mtime)
    )
    assert ask((locked, CONTENT)) == [LOCKED]


def test_an_order_that_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    said = frame(msgspec.json.encode(order(tmp_path / "a"))) + frame(b"half") + b"\0\0"
    serve(io.BytesIO(said), io.BytesIO())
    assert [os.listdir(tmp_path / "a" / part) for part in ("tmp", "new", "cur")] == [[], [], []]


@pytest.fixture
def theirs() -> Iterator[Path]:
    """A directory that belongs to nobody."""
    place = Path(tempfile.mkdtemp(prefix="mailrail-test-"))
    place.chmod(0o755)
    home = place / "home"
    home.mkdir()
    os.chown(home, NOBODY.uid, NOBODY.gid)
    yield home
    shutil.rmtree(place)


@needs_root
def test_files_belong_to_the_account_and_one_helper_serves_again(theirs: Path) -> None:
    async def main() -> None:
        threads, helpers = Threads(), Helpers()
        scribe = RemoteScribe(threads, NOBODY, helpers)
        try:
            outcomes = [
                await scribe.deposit(
                    order(theirs / "box", number=1), CONTENT, WholeSource(CONTENT), len(CONTENT)
                )
            ]
            large = b"Subject: x\r\n\r\n" + b"line\r\n" * 200_000
            outcomes.append(
                await scribe.deposit(
                    order(theirs / "box", number=2), large[:50_000], FileSource(large), 50_000
                )
            )
            assert len(helpers._idle) == 1
        finally:
            helpers.close()
            threads.close()
        assert [type(one) for one in outcomes] == [Delivered, Delivered]

    asyncio.run(main())
    names = os.listdir(theirs / "box" / "new")
    assert len(names) == 2
    for path in (theirs / "box", *(theirs / "box" / "new" / name for name in names)):
        status = path.stat()
        assert (status.st_uid, status.st_gid) == (NOBODY.uid, NOBODY.gid)
        assert status.st_mode & 0o077 == 0


@needs_root
def test_a_helper_has_no_rights_of_root_and_cannot_have_them_again(theirs: Path) -> None:
    """A link in somebody's mailbox leads nowhere that he could not go himself."""
    secret = theirs.parent / "secret"
    secret.mkdir(mode=0o700)
    (theirs / "box").symlink_to(secret)
    steps = RemoteSteps(order(theirs / "box"), NOBODY, helpers := Helpers(), 0.0)
    outcome = steps.all_of(CONTENT)
    helpers.close()
    assert isinstance(outcome, Deferred)
    assert os.listdir(secret) == []
    code = (
        "from mailrail.agents.helper import become; import os; become(65534, 65534, [])\n"
        "print(os.getresuid(), os.getresgid(), os.getgroups(), open('/proc/self/status').read().split('CapEff:')[1].split()[0])\n"
        "try: os.setuid(0)\nexcept PermissionError: print('no way back')\n"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.splitlines() == [
        "(65534, 65534, 65534) (65534, 65534, 65534) [] 0000000000000000",
        "no way back",
    ]


@needs_root
def test_a_helper_that_dies_makes_mail_wait_and_the_next_one_is_a_new_one(theirs: Path) -> None:
    helpers = Helpers()
    first = RemoteSteps(order(theirs / "box"), NOBODY, helpers, 0.0)
    assert first.begin() is None
    assert first._helper is not None
    first._helper.kill()
    outcome = first.write(b"x" * 300_000) or first.finish()
    assert isinstance(outcome, Deferred)
    assert outcome.blame is Blame.OURSELVES
    assert "has died" in outcome.reply.text
    assert isinstance(RemoteSteps(order(theirs / "box"), NOBODY, helpers, 0.0).all_of(CONTENT), Delivered)
    gone = RemoteSteps(order(theirs / "box", number=2), NOBODY, helpers, 0.0)
    gone.begin()
    gone.abort()
    assert os.listdir(theirs / "box" / "tmp") == []
    helpers.close()


def test_a_helper_that_cannot_be_started_is_told() -> None:
    def start(account: Account) -> "subprocess.Popen[bytes]":
        raise PermissionError(1, "no")

    outcome = RemoteSteps(order(Path("/x")), NOBODY, Helpers(start), 0.0).all_of(CONTENT)
    assert isinstance(outcome, Deferred)
    assert "no helper for nobody can be started" in outcome.reply.text

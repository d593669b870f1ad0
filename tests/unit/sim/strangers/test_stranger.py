"""The well-behaved stranger: its own reading of SMTP, and what it complains of."""

import asyncio

import pytest
from tests.unit.sim.strangers.parlour import LETTER, Parlour, meet

from mailrail.model import NetError
from mailrail.sim.strangers import Fate, Stranger


def test_it_keeps_a_message_and_tells_who_brought_it_to_whom() -> None:
    async def scenario(parlour: Parlour) -> None:
        dialogue = await parlour.greeted()
        assert (await parlour.give(dialogue, "bob@b.example", "eve@b.example")).startswith("250")
        await dialogue.quit()

    parlour = meet(Stranger, scenario)
    ((handover, content),) = parlour.notes.taken
    assert content == LETTER
    assert handover.reverse_path == "ann@a.example"
    assert [path for path, _ in handover.recipients] == ["bob@b.example", "eve@b.example"]
    assert handover.client == "198.51.100.9"
    assert parlour.notes.complaints == []
    assert parlour.stranger.tally.at_once == 0


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        (b"", b""),
        (b"..\r\n", b".\r\n"),
        (b"..a\r\n...\r\nb..\r\n", b".a\r\n..\r\nb..\r\n"),
    ],
)
@pytest.mark.parametrize("size", [1, 3, 1000])
def test_dots_are_removed_however_the_bytes_come(sent: bytes, kept: bytes, size: int) -> None:
    async def scenario(parlour: Parlour) -> None:
        dialogue = await parlour.greeted()
        for line in ("MAIL FROM:<>", "RCPT TO:<bob@b.example>", "DATA"):
            await dialogue.say(line)
        whole = sent + b".\r\nNOOP\r\n"
        for start in range(0, len(whole), size):
            await dialogue.send(whole[start : start + size])
            await asyncio.sleep(0.001)
        assert (await dialogue.reply()).startswith("250 2.0.0 Kept")
        assert (await dialogue.reply()).startswith("250 2.0.0 Ok")

    parlour = meet(Stranger, scenario)
    assert [content for _, content in parlour.notes.taken] == [kept]


def test_a_message_in_chunks_is_kept_as_it_is() -> None:
    async def scenario(parlour: Parlour) -> None:
        dialogue = await parlour.greeted()
        await dialogue.send(
            b"MAIL FROM:<>\r\nRCPT TO:<bob@b.example>\r\nBDAT 3\r\n.\r\nBDAT 4 LAST\r\nA\r\n\n"
        )
        assert [(await dialogue.reply())[:3] for _ in range(4)] == ["250"] * 4

    assert [content for _, content in meet(Stranger, scenario).notes.taken] == [b".\r\nA\r\n\n"]


def test_the_last_reply_counts_as_read_once_the_client_goes_on() -> None:
    async def scenario(parlour: Parlour) -> None:
        dialogue = await parlour.greeted()
        await parlour.give(dialogue)
        assert [one.fate for one, _ in parlour.notes.taken] == [Fate.SAID]
        await parlour.give(dialogue)
        assert [one.fate for one, _ in parlour.notes.taken] == [Fate.READ, Fate.SAID]
        dialogue.abort()
        await asyncio.sleep(1)
        assert [one.fate for one, _ in parlour.notes.taken] == [Fate.READ, Fate.SAID]

    meet(Stranger, scenario)


@pytest.mark.parametrize(
    ("offer", "said", "words"),
    [
        ((), b"EHLO a\r\nMAIL FROM:<>\r\n", "did not wait for the reply to EHLO"),
        ((), b"MAIL FROM:<>\r\n", "out of order"),
        ((), b"EHLO a\r\nMAIL FROM:<> SIZE=5\r\n", "'SIZE=5', which was not offered"),
        ((), b"EHLO a\r\nMAIL FROM:<> BY=5;N\r\n", "'BY=5;N', which was not offered"),
        ((), b"EHLO a\r\nMAIL FROM:<> MT-PRIORITY=0\r\n", "which was not offered"),
        (("DELIVERBY",), b"EHLO a\r\nMAIL FROM:<> BY=0;R\r\n", "a value that it cannot have: 'BY=0;R'"),
        (("DELIVERBY",), b"EHLO a\r\nMAIL FROM:<> BY=5\r\n", "a value that it cannot have"),
        (("MT-PRIORITY",), b"EHLO a\r\nMAIL FROM:<> MT-PRIORITY=-0\r\n", "a value that it cannot have"),
        (("FUTURERELEASE 9",), b"EHLO a\r\nMAIL FROM:<> HOLDFOR=0\r\n", "a value that it cannot have"),
        (("PIPELINING",), b"DATA\r\nNOOP\r\n", "did not wait for the reply to DATA"),
        (("PIPELINING",), b"EHLO \ra\r\n", "stray CR"),
        (("PIPELINING",), b"STARTTLS\r\n", "was not offered"),
        (("PIPELINING",), b"NOOP " + b"x" * 5000, "more than 4096"),
        (
            ("PIPELINING",),
            b"EHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<b@b>\r\nDATA\r\na\nb\r\n.\r\n",
            "stands alone",
        ),
        (("PIPELINING",), b"EHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<b@b>\r\nDATA\r\n\xe4\r\n.\r\n", "8-bit"),
    ],
)
def test_what_a_client_must_not_do_is_complained_of(offer: tuple[str, ...], said: bytes, words: str) -> None:
    async def scenario(parlour: Parlour) -> None:
        dialogue = await parlour.client()
        await dialogue.send(said)
        await asyncio.sleep(1)
        dialogue.abort()

    complaints = meet(Stranger, scenario, offer).notes.complaints
    assert any(words in complaint for complaint in complaints), complaints


@pytest.mark.parametrize(
    "parameters",
    [
        "BY=120;R",
        "BY=+1;RT",
        "BY=-5;N",
        "BY=0;NT",
        "MT-PRIORITY=-9",
        "MT-PRIORITY=0",
        "HOLDFOR=60",
        "REQUIRETLS",
    ],
)
def test_what_it_may_say_is_not(parameters: str) -> None:
    async def scenario(parlour: Parlour) -> None:
        dialogue = await parlour.client()
        await dialogue.say("EHLO a")
        assert (await dialogue.say(f"MAIL FROM:<> {parameters}")).startswith("250")
        dialogue.abort()

    offer = ("DELIVERBY", "MT-PRIORITY", "FUTURERELEASE 9", "REQUIRETLS")
    assert meet(Stranger, scenario, offer).notes.complaints == []


def test_a_client_that_hears_nothing_gives_up_after_a_while() -> None:
    async def scenario(parlour: Parlour) -> None:
        dialogue = await parlour.greeted()
        with pytest.raises(NetError, match="no reply"):
            await dialogue.reply(5.0)

    meet(Stranger, scenario)


def test_a_client_that_says_nothing_is_told_goodbye_after_five_minutes() -> None:
    async def scenario(parlour: Parlour) -> None:
        dialogue = await parlour.greeted()
        await asyncio.sleep(299)
        assert (await dialogue.say("NOOP")).startswith("250")
        await asyncio.sleep(299)
        assert (await dialogue.say("NOOP")).startswith("250")
        assert (await dialogue.reply()).startswith("421")

    assert meet(Stranger, scenario).stranger.tally.at_once == 0

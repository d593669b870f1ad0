"""ACCEPTANCE §1: bad input against the whole daemon: which reply, and that nothing is queued."""

import asyncio
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.acceptance.house import ANN, BOB, FRIEND, HOP, LETTER, House, live
from tests.unit.client.toy_server import CUT

from mailrail.model import Address, AddressError, parse_address, parse_domain
from mailrail.policy import RelayRules
from mailrail.routing import DomainRoute, RoutingRules, RoutingSettings, SettingsRouter
from mailrail.spool import Filter

EVIL = b"MAIL FROM:<evil@far.example>\r\nRCPT TO:<bob@ours.example>\r\nDATA\r\nevil\r\n.\r\n"


@pytest.mark.parametrize(
    "end",
    [b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r.\r\n", b"\n.\r", b"\r\n\0.\r\n", b"\r\n.\0\r\n"],
)
@pytest.mark.parametrize("is_huge", [False, True])
def test_a1_a2_a19_what_only_looks_like_the_end_ends_nothing_and_queues_nothing(
    tmp_path: Path, end: bytes, is_huge: bool
) -> None:
    async def scenario(house: House) -> None:
        client = await house.client()
        content = LETTER + (b"x" * 998 + b"\r\n") * 100 if is_huge else LETTER
        reply = await client.give(content=content + b"text" + end + EVIL)
        assert reply[0] == "5", reply
        await asyncio.sleep(60)
        assert await house.queued() == 0
        assert house.hop.contents == house.told("MessageAccepted") == []

    live(tmp_path, scenario, limits={"message_bytes": 65_536})


# --- What is in a message -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "header",
    [
        b"X: y\r\n" * 100_000,
        b"X: " + b"y" * 60_000 + b"\r\n" + b"".join(b" " + b"z" * 60_000 + b"\r\n" for _ in range(8)),
        b"X:\r\n" + b" \r\n" * 100_000,
        b"Received: from a by b\r\n" * 60,
    ],
)
def test_a16_a64_a_header_over_a_limit_is_refused_and_the_session_goes_on(
    tmp_path: Path, header: bytes
) -> None:
    async def scenario(house: House) -> None:
        client = await house.client()
        assert (await client.give(content=header + b"\r\nbody\r\n"))[:2] == "55"
        assert await house.queued() == 0
        assert (await client.give()).startswith("250")

    live(tmp_path, scenario)


@pytest.mark.parametrize(
    "header",
    [
        b"__proto__: x\r\nconstructor: y\r\n",
        b"Subject : a space before the colon\r\n",
        b": no name\r\n",
        "Übung: 8 bit\r\n".encode(),
        b"no colon at all\r\n",
        b" begins with a space\r\n",
        b"\xff\xfe\xfd: \x80\r\n",
    ],
)
def test_a16_odd_header_fields_pass_opaque(tmp_path: Path, header: bytes) -> None:
    async def scenario(house: House) -> None:
        client = await house.client()
        assert (await client.give(content=header + b"\r\nbody\r\n")).startswith("250")
        await house.until(lambda: house.hop.contents)
        assert house.hop.contents[0].endswith(header + b"\r\nbody\r\n")

    live(tmp_path, scenario)


def deep(levels: int) -> bytes:
    """Return a message with a multipart in a multipart, and so on."""
    lines = [b"Subject: deep", b"MIME-Version: 1.0"]
    for level in range(levels):
        lines += [b'Content-Type: multipart/mixed; boundary="b%d"' % level, b"", b"--b%d" % level]
    return b"\r\n".join(lines) + b"\r\n\r\nGr\xc3\xbc\xc3\x9fe\r\n"


def deep_messages(levels: int) -> bytes:
    return b"Content-Type: message/rfc822\r\n\r\n" * levels + b"Subject: x\r\n\r\nGr\xc3\xbc\xc3\x9fe\r\n"


def wide(parts: int) -> bytes:
    head = b'Subject: wide\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n'
    return head + b"--b\r\n\r\n\xc3\xbc\r\n" * parts + b"--b--\r\n"


@pytest.mark.parametrize(
    "content",
    [
        deep(10_000),
        deep_messages(10_000),
        wide(1_000_000),
        b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n' + b"--bx\r\n" * 400_000 + b"\xc3\xbc\r\n",
        b'Content-Type: multipart/mixed; boundary=""\r\n\r\n--\r\n\r\n\xc3\xbc\r\n----\r\n',
        b"Content-Type: multipart/mixed\r\n\r\n\xc3\xbc\r\n",
        b"Content-Type: text/plain; " + b"(" * 50_000 + b"\r\n\r\n\xc3\xbc\r\n",
        b"Content-Type: text/plain; a=" + b'"\\' * 25_000 + b"\r\n\r\n\xc3\xbc\r\n",
    ],
    ids=["deep", "deep messages", "wide", "look-alikes", "empty", "absent", "comments", "quotes"],
)
@pytest.mark.timeout(30)
def test_a17_a80_a_mime_bomb_is_taken_as_it_is_and_converted_or_returned_within_bounds(
    tmp_path: Path, content: bytes
) -> None:
    async def scenario(house: House) -> None:
        client = await house.client()
        assert (await client.give(content=content)).startswith("250")
        await house.until(lambda: house.told("RecipientDelivered"))  # as it is, to a hop with 8BITMIME
        house.hop.keywords = ("PIPELINING",)
        await asyncio.sleep(3600)  # kept sessions end, so that the hop is asked again what it offers
        assert (await (await house.client()).give(content=content)).startswith("250")
        await house.until(lambda: len(house.hop.contents) == 2)  # converted, or a notice that it cannot be
        await asyncio.sleep(60)
        assert await house.queued() == 0
        assert house.hop.contents[1].isascii()

    live(tmp_path, scenario)


# --- Too much -----------------------------------------------------------------------------------


def test_a18_a_size_that_lies_is_found_out_and_chunks_over_the_limit_end_the_transaction(
    tmp_path: Path,
) -> None:
    async def scenario(house: House) -> None:
        client = await house.client()
        assert (await client.say(f"MAIL FROM:<{ANN}> SIZE=70000")).startswith("552 5.3.4")
        assert (await client.say(f"MAIL FROM:<{ANN}> SIZE=10")).startswith("250")
        assert (await client.say(f"RCPT TO:<{BOB}>")).startswith("250")
        assert (await client.say("DATA")).startswith("354")
        await client.send(LETTER + (b"x" * 998 + b"\r\n") * 70 + b".\r\n")
        assert (await client.reply()).startswith("552 5.3.4")
        assert (await client.start(BOB)).startswith("354")
        await client.send(LETTER + b".\r\n")
        assert (await client.reply()).startswith("250")
        assert (await client.say(f"MAIL FROM:<{ANN}>")).startswith("250")
        assert (await client.say(f"RCPT TO:<{BOB}>")).startswith("250")
        assert (await client.say(b"BDAT 60000\r\n" + b"x" * 59_998)).startswith("250")
        assert (await client.say(b"BDAT 9000\r\n" + b"x" * 8998)).startswith("552 5.3.4")
        assert (await client.say(b"BDAT 3 LAST\r\nx")).startswith("503")
        assert (await client.give()).startswith("250")
        await house.until(lambda: len(house.hop.contents) == 2)

    live(tmp_path, scenario, limits={"message_bytes": 65_536})


def test_a20_a_connection_that_ends_in_a_chunk_or_in_data_leaves_nothing(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        for begin in (b"BDAT 1000\r\nhalf a chunk", b"BDAT 5 LAST\r\nhal", b"DATA\r\n" + LETTER):
            for is_good_end in (True, False):
                client = await house.client()
                await client.say(f"MAIL FROM:<{ANN}>")
                await client.say(f"RCPT TO:<{BOB}>")
                await client.send(begin)
                await asyncio.sleep(1)
                client.connection.close() if is_good_end else client.connection.abort()
        await asyncio.sleep(60)
        assert house.daemon.server.session_count == 0
        assert await house.queued() == 0
        assert house.hop.contents == house.told("MessageAccepted") == []

    live(tmp_path, scenario)


# --- Addresses ----------------------------------------------------------------------------------

LOCAL_PARTS = (
    "a;rm -rf /",
    "$(id)",
    "${run{/bin/sh}}",
    "`id`",
    "../../../etc/passwd",
    "|cmd",
    "-oQ/tmp",
    "a'b OR 1=1 --",
    'quote"inside',
    "back\\slash",
    "a b",
    "<>",
    "{{7*7}}",
    "%s%n",
)


def test_a25_a_local_part_is_data_and_reaches_the_next_hop_as_it_is(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        client = await house.client(FRIEND)
        expected = {str(Address(text, "far.example")) for text in LOCAL_PARTS}
        for path in expected:
            assert (await client.give(path)).startswith("250")
        await house.until(lambda: len(house.hop.contents) == len(LOCAL_PARTS))
        heard = {
            line.removeprefix("RCPT TO:<").partition(">")[0] for line in house.hop.heard if "RCPT" in line
        }
        heard = {line[9:-1] for line in house.hop.heard if line.startswith("RCPT TO:<")}
        assert heard == expected
        names = {path.name for path in (tmp_path / "spool").rglob("*")}
        assert not any(character in name for name in names for character in " ;|$`'\\<>{%")

    live(tmp_path, scenario)


@pytest.mark.parametrize("octet", [b"\0", b"\x07", b"\x1b", b"\x7f", b"\t"])
@pytest.mark.parametrize("form", [b"a%cb@ours.example", b'"a%cb"@ours.example'])
def test_a25_control_characters_in_a_path_are_refused(tmp_path: Path, octet: bytes, form: bytes) -> None:
    async def scenario(house: House) -> None:
        client = await house.client()
        assert (await client.say(f"MAIL FROM:<{ANN}>")).startswith("250")
        assert (await client.say(b"RCPT TO:<" + form % octet + b">"))[:2] == "50"

    live(tmp_path, scenario, in_memory=True)


def test_a27_what_a_client_or_operator_writes_is_never_sql(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        house.network.refuse(HOP)
        client = await house.client(FRIEND)
        hostile = "x' OR '1'='1"
        assert (await client.give(str(Address(hostile, "far.example")))).startswith("250")
        assert (await client.give("bob@far.example", sender=str(Address(hostile, "far.example")))).startswith(
            "250"
        )
        count = house.daemon.spool.count
        assert await count(Filter(sender=hostile)) == 0
        assert await count(Filter(recipient="' OR 1=1 --")) == 0
        assert await count(Filter(destination="far.example' OR '1'='1")) == 0
        assert await count(Filter()) == 2
        assert (await client.say("VRFY x'; DROP TABLE message; --")).startswith("252")
        assert (await client.say("EXPN x'); DELETE FROM item; --")).startswith("502")
        assert (await client.say("ETRN #x' OR 1=1")).startswith("50")
        assert await count(Filter()) == 2

    live(tmp_path, scenario)


@given(
    st.text(st.sampled_from('ab.@"\\%!<>[]:-1é '), max_size=12),
    st.sampled_from(
        ["ours.example", "OURS.example.", "far.example", "[192.0.2.1]", "ours.example@far.example"]
    ),
)
def test_a24_the_domain_that_policy_decides_by_is_the_one_that_routing_goes_by(
    local_part: str, domain: str
) -> None:
    try:
        address = parse_address(f"{local_part}@{domain}")
    except AddressError:
        return
    rules = RelayRules((), {"ours.example"})
    table = RoutingRules(RoutingSettings(), (), {"ours.example": DomainRoute(relay_to="192.0.2.99:25")})
    router = SettingsRouter(table, None, None)  # type: ignore[arg-type]  # asks neither resolver nor chance
    is_taken = rules.decide(address, may_relay=False).refusal is None
    goes_home = router.route(address).destination == "host:192.0.2.99:25"
    assert not is_taken or goes_home
    assert parse_address(str(address)) == address


@given(st.one_of(st.text(max_size=300), st.sampled_from(["xn--" * 60, "a" * 70_000, "é" * 5000, "." * 9000])))
def test_a80_any_text_is_a_domain_or_an_address_error(text: str) -> None:
    for read in (parse_domain, parse_address):
        try:
            read(text)
        except AddressError:
            continue


@pytest.mark.parametrize(
    "number", ["9" * 1900, "-1", "1_0", "٣", "1e3", "0x10", "+5", "18446744073709551616"]
)
def test_a20_a28_a80_a_number_that_is_none_is_refused_and_the_session_goes_on(
    tmp_path: Path, number: str
) -> None:
    async def scenario(house: House) -> None:
        client = await house.client()
        assert (await client.say(f"MAIL FROM:<{ANN}> SIZE={number}".encode()))[:3] in ("501", "552", "500")
        assert (await client.give()).startswith("250")

    live(tmp_path, scenario, in_memory=True)


# --- Time and crowds ----------------------------------------------------------------------------


def test_a39_a_crowd_of_silent_strangers_is_bounded_and_harms_nobody(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        crowd = [await house.arrive() for _ in range(30)]
        greetings = [await client.reply() for client in crowd]
        assert sum(greeting.startswith("220") for greeting in greetings) == 20
        assert sum(greeting.startswith("421 4.7.0") for greeting in greetings) == 10
        began_s = asyncio.get_running_loop().time()
        assert (await (await house.client("203.0.113.5")).give()).startswith("250")
        assert asyncio.get_running_loop().time() - began_s < 1
        for minute in range(40):  # an octet a minute
            for client in crowd:
                client.connection.write(b"N" if minute else b"E")
            await asyncio.sleep(60)
        assert all(client.is_over for client in crowd)
        assert house.daemon.server.session_count <= 1
        assert (await (await house.client()).give()).startswith("250")

    live(tmp_path, scenario)


def test_a40_a_client_that_reads_nothing_is_let_go(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        client = await house.client()
        client.connection.pause()
        for _ in range(20):
            client.connection.write(b"HELP\r\n" * 1000)
            await asyncio.sleep(1)
        await asyncio.sleep(300)
        assert house.daemon.server.session_count == 0

    live(tmp_path, scenario)


@pytest.mark.parametrize("is_good_end", [True, False])
def test_a43_a_client_that_is_gone_before_our_250_has_handed_its_message_over(
    tmp_path: Path, is_good_end: bool
) -> None:
    async def scenario(house: House) -> None:
        client = await house.client()
        assert (await client.start(BOB)).startswith("354")
        client.connection.write(LETTER + b".\r\n")
        client.connection.close() if is_good_end else client.connection.abort()
        await house.until(lambda: house.hop.contents)
        assert len(house.told("MessageAccepted")) == 1

    live(tmp_path, scenario)


# --- Hostile next hops --------------------------------------------------------------------------


def test_a59_a_hop_that_goes_before_its_reply_gets_the_same_message_again(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        house.hop.script["END"] = [CUT]
        client = await house.client()
        assert (await client.give(content=b"Message-ID: <1@far.example>\r\n" + LETTER)).startswith("250")
        await house.until(lambda: house.hop.contents)
        assert house.told("RecipientDelivered") == []
        await house.until(lambda: len(house.hop.contents) == 2, within_s=3600)
        assert house.hop.contents[0] == house.hop.contents[1]
        assert b"Message-ID: <1@far.example>" in house.hop.contents[0]

    live(tmp_path, scenario)


@pytest.mark.parametrize(
    "reply",
    [
        "199 what",
        "650 what",
        "999 what",
        "abc",
        "raw 250-one\r\n550 two\r\n",
        "raw " + "250-" + "x" * 10_000_000,
        "raw 250 a\0b\x1b[2J\r\n",
        "raw 250-" + "more\r\n250-" * 100_000,
        "354 go on",
    ],
    ids=["1xx", "6xx", "9xx", "words", "mixed", "10 MB", "NUL", "endless", "354"],
)
def test_a58_garbage_from_a_next_hop_delays_the_message_and_nothing_more(tmp_path: Path, reply: str) -> None:
    async def scenario(house: House) -> None:
        house.hop.script["MAIL"] = [reply]
        client = await house.client()
        assert (await client.give()).startswith("250")
        await house.until(lambda: house.told("RecipientDelivered"), within_s=7200)
        assert house.told("RecipientFailed") == []
        for event in house.told("RecipientDeferred"):
            assert len(event.reply) < 2000

    live(tmp_path, scenario)

"""Limits and deadlines of sessions, in virtual time."""

import asyncio

import pytest
from tests.unit.server.lobby import FRIEND, LETTER, LOST, FakeConnection, make_lobby, play, turns

from mailrail.model import NetError, Recipient, Reply
from mailrail.model import reply as say
from mailrail.server import Answer, Handler, LimitSettings, TimeoutSettings, Transaction
from mailrail.server.events import ConnectionRefused, SessionClosed
from mailrail.server.session import TURN, WINDOW


def test_a39_connections_over_a_limit_hear_why_and_are_closed() -> None:
    async def scenario() -> None:
        lobby = make_lobby(limits=LimitSettings(connections=3, connections_per_client=2))
        first, second, third = (lobby.arrive() for _ in range(3))
        assert third.heard() == "421 4.7.0 Too many connections from your address\n"
        assert third.is_closed
        assert not third.is_lingering, "a flood would take all descriptors"
        assert first.is_open()
        lobby.arrive(FRIEND)
        assert lobby.arrive(FRIEND).heard().startswith("421 4.3.2")
        assert len(lobby.told(ConnectionRefused)) == 2
        second.say(b"QUIT\r\n")
        assert lobby.arrive().heard().startswith("220 ")
        await lobby.server.stop(0)

    play(scenario)


def test_a39_an_idle_client_is_told_and_closed_after_the_command_deadline() -> None:
    async def scenario() -> None:
        lobby = make_lobby(timeouts=TimeoutSettings(command_s=300))
        client = lobby.greeted()
        await asyncio.sleep(299)
        assert client.is_open()
        await asyncio.sleep(3)
        assert client.heard() == "421 4.4.2 Timeout waiting for you\n"
        assert client.is_closed
        assert lobby.server.session_count == 0
        await lobby.server.stop()

    play(scenario)


def test_a39_a_client_that_drips_is_ended_by_the_session_deadline_a_trusted_one_is_not() -> None:
    async def scenario() -> None:
        lobby = make_lobby(timeouts=TimeoutSettings(session_s=600))
        stranger, friend = lobby.greeted(), lobby.greeted(FRIEND)
        for _ in range(11):
            await asyncio.sleep(60)
            stranger.say(b"x")
            friend.say(b"x")
        assert stranger.heard() == "421 4.4.2 This session lasted too long\n"
        assert friend.is_open()
        await lobby.server.stop(0)

    play(scenario)


def test_a39_content_that_stops_or_crawls_is_ended() -> None:
    async def scenario() -> None:
        lobby = make_lobby(timeouts=TimeoutSettings(data_s=180, minimum_rate_bytes=500))
        silent, slow, steady = lobby.greeted(), lobby.greeted(), lobby.greeted()
        for client in (silent, slow, steady):
            client.say(LETTER)
            client.heard()
        for _ in range(30):
            await asyncio.sleep(10)
            slow.say(b"x" * 100 + b"\r\n")
            steady.say(b"x" * 9000 + b"\r\n")
        assert silent.heard() == "421 4.4.2 Data arrives too slowly\n"
        assert slow.heard() == "421 4.4.2 Data arrives too slowly\n"
        assert steady.is_open()
        await lobby.server.stop(0)

    play(scenario)


def test_a18_a_message_that_is_refused_but_arrives_steadily_hears_why_not_that_it_is_slow() -> None:
    async def scenario() -> None:
        lobby = make_lobby()
        client = lobby.greeted()
        client.say(LETTER)
        client.say(b"bare\n")
        for _ in range(20):
            await asyncio.sleep(10)
            client.say(b"x" * 8000 + b"\r\n")
        client.say(b".\r\n")
        assert client.last() == "554 5.6.0 Bare CR or LF in the message"
        await lobby.server.stop(0)

    play(scenario)


def test_a40_a_client_that_never_reads_is_closed_even_if_it_goes_on_sending() -> None:
    async def scenario() -> None:
        lobby = make_lobby(timeouts=TimeoutSettings(write_s=60))
        client = lobby.greeted()
        client.is_full = True
        client.say(b"NOOP\r\n")
        for _ in range(7):
            await asyncio.sleep(10)
            client.say(b"x")
        assert client.was_aborted
        (closed,) = lobby.told(SessionClosed)
        assert isinstance(closed, SessionClosed)
        assert closed.reason == "reads no replies"
        await lobby.server.stop()

    play(scenario)


def test_a40_commands_wait_while_replies_are_not_read() -> None:
    async def scenario() -> None:
        lobby = make_lobby()
        client = lobby.greeted(FRIEND)
        client.is_full = True
        client.say(b"NOOP\r\n")
        client.say(b"HELP\r\n")
        assert client.heard() == "250 2.0.0 Ok\n"
        client.say(b"x" * 2000 + b"\r\n")
        client.say(b"NOOP\r\n" * (WINDOW // 6))
        assert client.is_paused
        client.read_on()
        assert client.heard().startswith("214 2.0.0")
        assert client.is_reading()
        await lobby.server.stop(0)

    play(scenario)


def test_a40_a_waiting_handler_does_not_make_us_write_to_a_client_that_does_not_read() -> None:
    asked: list[asyncio.Future[Reply]] = []

    class Slow(Handler):
        def verify(self, text: str) -> Answer:
            asked.append(asyncio.get_running_loop().create_future())
            return asked[-1]

    async def scenario() -> None:
        lobby = make_lobby(Slow)
        client = lobby.greeted(FRIEND)
        client.say(b"VRFY a\r\nVRFY b\r\nVRFY c\r\n")
        client.is_full = True
        asked[0].set_result(say.CANNOT_VERIFY)
        await turns()
        asked[1].set_result(say.CANNOT_VERIFY)
        await turns()
        assert len(asked) == 2
        assert client.heard().count("252") == 1
        client.read_on()
        assert len(asked) == 3
        assert client.heard().count("252") == 1
        await lobby.server.stop(0)

    play(scenario)


def test_our_own_work_has_a_deadline_that_the_client_cannot_move() -> None:
    class Stuck(Handler):
        def mail(self, transaction: Transaction) -> Answer:
            return asyncio.get_running_loop().create_future()

    async def scenario() -> None:
        lobby = make_lobby(Stuck, timeouts=TimeoutSettings(processing_s=30))
        client = lobby.greeted()
        client.say(b"MAIL FROM:<ann@example.org>\r\n")
        for _ in range(33):
            await asyncio.sleep(1)
            client.say(b"x")
        assert client.heard() == "451 4.3.0 Took too long to process, try again later\n"
        assert client.is_open()
        client.say(b"\r\nNOOP\r\n")
        assert client.heard().endswith("250 2.0.0 Ok\n")
        await lobby.server.stop(0)

    play(scenario)


def test_each_answer_has_the_whole_of_its_time_and_so_has_the_client_behind_it() -> None:
    class Slow(Handler):
        def mail(self, transaction: Transaction) -> Answer:
            return self._later(say.SENDER_OK)

        def rcpt(self, transaction: Transaction, recipient: Recipient) -> Answer:
            return self._later(say.RECIPIENT_OK)

        async def _later(self, reply: Reply) -> Reply:
            await asyncio.sleep(50)
            return reply

    async def scenario() -> None:
        lobby = make_lobby(Slow, timeouts=TimeoutSettings(processing_s=60, command_s=80))
        client = lobby.greeted()
        client.say(b"MAIL FROM:<ann@example.org>\r\nRCPT TO:<bob@example.net>\r\n")
        await asyncio.sleep(101)
        assert client.heard() == "250 2.1.0 Sender ok\n250 2.1.5 Recipient ok\n"
        await asyncio.sleep(77)
        assert client.is_open()
        await asyncio.sleep(5)
        assert client.heard() == "421 4.4.2 Timeout waiting for you\n"
        await lobby.server.stop()

    play(scenario)


def test_the_rate_of_each_message_is_measured_anew() -> None:
    async def scenario() -> None:
        lobby = make_lobby(timeouts=TimeoutSettings(data_s=180, minimum_rate_bytes=500))
        client = lobby.greeted()
        for _ in range(3):
            client.say(LETTER)
            await asyncio.sleep(50)
            client.say(b"text\r\n.\r\n")
            await turns()
            assert client.last() == "250 2.0.0 Ok"
        await lobby.server.stop(0)

    play(scenario)


def test_what_is_sent_while_the_handler_thinks_is_kept_within_a_window() -> None:
    asked: list[asyncio.Future[Reply]] = []

    class Slow(Handler):
        def mail(self, transaction: Transaction) -> Answer:
            asked.append(asyncio.get_running_loop().create_future())
            return asked[-1]

    async def scenario() -> None:
        lobby = make_lobby(Slow)
        client = lobby.greeted(FRIEND)
        client.say(LETTER)
        client.say(b"x" * 1000 + b"\r\n" + b"y" * WINDOW)
        assert client.is_paused
        asked[0].set_result(say.SENDER_OK)
        await turns()
        assert client.is_reading()
        client.say(b"\r\n.\r\n")
        await turns()
        assert client.last() == "554 5.6.0 Line over the limit in the message"
        await lobby.server.stop(0)

    play(scenario)


def test_a41_mistakes_are_answered_late_then_ended() -> None:
    async def scenario() -> None:
        lobby = make_lobby(limits=LimitSettings(soft_errors=3, errors=6, error_delay_s=2))
        client = lobby.greeted()
        client.say(b"FOO\r\nFOO\r\n")
        assert client.heard().count("500") == 2
        client.say(b"FOO\r\n")
        client.say(b"NOOP\r\n")
        assert client.heard() == ""
        await asyncio.sleep(2.1)
        assert client.heard() == "500 5.5.2 Command not recognised\n250 2.0.0 Ok\n"
        client.say(b"FOO\r\nFOO\r\nFOO\r\n")
        assert client.is_open()
        await asyncio.sleep(2.1)
        assert client.last() == "421 4.7.0 Too many errors"
        assert client.is_closed
        await lobby.server.stop()

    play(scenario)


def test_a41_a_message_forgives_mistakes_but_those_behind_it_are_answered_late_too() -> None:
    async def scenario() -> None:
        lobby = make_lobby(limits=LimitSettings(soft_errors=2, errors=9, error_delay_s=2))
        client = lobby.greeted()
        for _ in range(2):
            client.say(b"FOO\r\n")
            assert client.heard() != ""
            client.say(b"FOO\r\n")
            assert client.heard() == ""
            await asyncio.sleep(2.1)
            client.say(LETTER)
            client.say(b"hello\r\n.\r\n")
            await turns()
            assert client.last().startswith("250")
        await lobby.server.stop()

    play(scenario)


@pytest.mark.parametrize("end", [b"QUIT\r\n", b""])
def test_a_client_that_quits_or_goes_while_its_answer_is_late_is_let_go(end: bytes) -> None:
    async def scenario() -> None:
        lobby = make_lobby(limits=LimitSettings(soft_errors=1, error_delay_s=5))
        client = lobby.greeted()
        client.say(b"FOO\r\n" + end)
        if not end:
            client.leave()
        await asyncio.sleep(6)
        assert client.is_closed
        assert lobby.server.session_count == 0
        assert client.heard().endswith("221 2.0.0 Bye\n" if end else "")
        await lobby.server.stop()

    play(scenario)


def test_temporary_refusals_are_ours_and_do_not_count_as_the_clients_mistakes() -> None:
    class Full(Handler):
        def mail(self, transaction: Transaction) -> Answer:
            return say.STORE_FULL

    async def scenario() -> None:
        lobby = make_lobby(Full)
        client = lobby.greeted()
        for _ in range(30):
            client.say(b"MAIL FROM:<ann@example.org>\r\n")
            assert client.heard().startswith("452 4.3.1")
        await lobby.server.stop(0)

    play(scenario)


def test_a7_trusted_clients_may_run_ahead_strangers_may_not() -> None:
    async def scenario() -> None:
        lobby = make_lobby()
        ahead = b"EHLO a.example\r\nNOOP\r\nQUIT\r\n"
        friend, stranger = lobby.arrive(FRIEND), lobby.arrive()
        friend.say(ahead)
        stranger.say(ahead)
        assert friend.last() == "221 2.0.0 Bye"
        assert stranger.last() == "554 5.5.0 You spoke before it was your turn"
        await lobby.server.stop()

    play(scenario)


def test_a7_who_speaks_before_the_greeting_is_turned_away() -> None:
    class Thoughtful(Handler):
        async def _connect(self) -> Reply:
            await asyncio.sleep(1)
            return say.GREETING

        def connect(self) -> Answer:
            return self._connect()

    async def scenario() -> None:
        lobby = make_lobby(Thoughtful)
        client: FakeConnection = lobby.arrive()
        client.say(b"EHLO client.example\r\n")
        await asyncio.sleep(2)
        assert client.heard() == "554 5.5.0 You spoke before it was your turn\n"
        assert client.is_closed
        await lobby.server.stop()

    play(scenario)


def test_section_5_a_stranger_may_send_fewer_messages_in_a_session_than_who_is_known() -> None:
    async def scenario() -> None:
        lobby = make_lobby(limits=LimitSettings(messages=3, messages_of_strangers=2))
        for host, most in (("192.0.2.7", 2), (FRIEND, 3), ("127.0.0.1", 3)):
            client = lobby.arrive(host)
            client.say(b"EHLO client.example\r\n")
            assert f"MAILMAX={most}\n" in client.heard()
            for _ in range(most):
                client.say(LETTER)
                client.say(b"Subject: one more\r\n\r\n.\r\n")
                await turns()
                assert client.last() == "250 2.0.0 Ok"
            client.say(b"MAIL FROM:<ann@example.org>\r\n")
            assert client.heard() == "421 4.7.0 Enough messages on this connection, open a new one\n"
            assert client.is_closed
            closed = lobby.told(SessionClosed)[-1]
            assert isinstance(closed, SessionClosed)
            assert closed.reason == str(say.ENOUGH_MESSAGES)
        await lobby.server.stop()

    play(scenario)


def test_a39_a_client_that_sends_a_thousand_commands_at_once_has_its_turns_as_others_have() -> None:
    async def scenario() -> None:
        lobby = make_lobby()
        greedy, other = lobby.greeted(), lobby.greeted("198.51.100.8")
        greedy.say(b"MAIL FROM:<ann@example.org>\r\n" + b"RCPT TO:<bob@example.net>\r\n" * 999)
        greedy.say(b"QUIT\r\n")
        assert len(greedy.heard().splitlines()) == TURN
        await turns(1)
        assert len(greedy.heard().splitlines()) == TURN
        other.say(LETTER)
        assert other.last().startswith("354")
        await turns(1000 // TURN)
        assert greedy.last() == "221 2.0.0 Bye"
        assert greedy.is_closed
        await lobby.server.stop(0)

    play(scenario)


def test_a39_a_hundred_clients_that_send_commands_without_end_do_not_keep_the_loop_for_themselves() -> None:
    async def scenario() -> None:
        lobby = make_lobby()
        crowd = [lobby.greeted(f"203.0.113.{number}") for number in range(100)]
        for client in crowd:
            client.say(b"MAIL FROM:<ann@example.org>\r\n" + b"RCPT TO:<bob@example.net>\r\n" * 99)
            client.heard()
        for _ in range(50):
            await turns(1)
            said = sum(len(client.heard().splitlines()) for client in crowd)
            assert 0 < said <= 2 * TURN
        await turns(200)
        for client in crowd:
            client.heard()
            client.say(b"DATA\r\n")
            assert client.heard().startswith("354")
        await lobby.server.stop(0)

    play(scenario)


def test_a39_nothing_more_is_read_of_a_client_that_waits_for_its_next_turn() -> None:
    async def scenario() -> None:
        lobby = make_lobby()
        client = lobby.greeted()
        client.say(b"MAIL FROM:<ann@example.org>\r\n" + b"RCPT TO:<bob@example.net>\r\n" * 99)
        assert client.is_paused
        await turns(100 // TURN + 1)
        assert client.is_reading()
        await lobby.server.stop(0)

    play(scenario)


@pytest.mark.parametrize("end", [None, LOST])
def test_a39_a_client_that_goes_between_two_turns_is_heard_out_if_it_may_still_listen(
    end: NetError | None,
) -> None:
    async def scenario() -> None:
        lobby = make_lobby()
        client = lobby.greeted()
        client.say(b"MAIL FROM:<ann@example.org>\r\n" + b"RCPT TO:<bob@example.net>\r\n" * 99)
        client.leave(end)
        await turns(100)
        assert client.is_closed
        assert lobby.server.session_count == 0
        assert len(client.heard().splitlines()) == (100 if end is None else TURN)
        await lobby.server.stop(0)

    play(scenario)


def test_a44_a_stop_between_two_turns_ends_the_session() -> None:
    async def scenario() -> None:
        lobby = make_lobby()
        client = lobby.greeted(FRIEND)
        client.say(b"MAIL FROM:<ann@example.org>\r\nRSET\r\n" * 20)
        await lobby.server.stop(5)
        assert client.last().startswith("421 4.3.2")
        assert client.is_closed

    play(scenario)

"""The operator's door, both sides of it, in memory: whatever comes in, the daemon answers and lives."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.support.memory_net import MemoryNetwork
from tests.unit.queue.bench import Bench, Carriage, bench
from tests.unit.queue.mail import NOT_NOW

from mailrail.acme import AcmeError
from mailrail.admin import (
    MAX_PAGE,
    AdminClient,
    AdminError,
    AdminRequestFailed,
    AdminServer,
    CertificateRow,
    ChangeRequest,
    KeysRow,
    OperatorActed,
    RecipientRow,
    Reloaded,
    Status,
    Trouble,
    Wanted,
)
from mailrail.admin.lines import LinePeer
from mailrail.admin.messages import RESPONSE_BYTES
from mailrail.admin.server import IDLE_S, SESSIONS, Reload, Renew
from mailrail.model import SettingsError, StoreError, StoreTrouble
from mailrail.net import Endpoint
from mailrail.observe import Bus, Event
from mailrail.pickup import HandedIn
from mailrail.sim import simulate
from mailrail.spool import Filter

PATH = Path("/run/mailrail/admin.sock")
STATUS = Status(version="1", hostname="a.example", pid=7, started_us=1, now_us=2, listeners=("0.0.0.0:25",))


@dataclass
class Door:
    network: MemoryNetwork
    queue: Bench
    server: AdminServer
    events: list[Event]

    async def client(self) -> AdminClient:
        return await AdminClient.open(self.network, PATH)

    async def say(self, line: bytes) -> Any:
        """Send raw bytes and return the answer as JSON, or None when the door was shut."""
        connection = await self.network.connect(Endpoint(str(PATH), 0), timeout_s=1)
        peer = LinePeer(connection, 1 << 20)
        await peer.send(line)
        answer = await peer.line()
        connection.close()
        return None if answer is None else json.loads(answer)


async def nothing_new(_only_certificates: bool) -> Reloaded:
    return Reloaded()


async def no_authority() -> CertificateRow:
    raise AcmeError("nobody signs here")


async def a_key_more() -> KeysRow:
    return KeysRow(keys=2, signs_from_us=3)


LETTER = HandedIn("new/0a", "ann", None, ("bob@example.org",), 7, 8)


async def a_letter(after: str, most: int) -> list[HandedIn]:
    assert most == 3
    return [] if after else [LETTER]


@asynccontextmanager
async def door(reload: Reload = nothing_new, renew: Renew = no_authority) -> AsyncIterator[Door]:
    events: list[Event] = []
    bus = Bus()
    bus.listen(events.append)
    async with bench(carriage=Carriage(lambda job: NOT_NOW)) as queue:
        network = MemoryNetwork()
        server = AdminServer(
            network,
            PATH,
            queue.control,
            lambda: STATUS,
            bus,
            reload=reload,
            renew=renew,
            unlock=len,
            rotate=a_key_more,
            in_maildrop=a_letter,
        )
        async with asyncio.TaskGroup() as group:
            server.open(group)
            yield Door(network, queue, server, events)
            server.close()


def test_an_unlock_is_done_and_told() -> None:
    async def main() -> None:
        async with door() as at, await at.client() as admin:
            assert await admin.unlock("ann") == len("ann")
            (acted,) = [event for event in at.events if isinstance(event, OperatorActed)]
            assert (acted.verb, acted.wanted, acted.items) == ("unlock", "ann", 3)

    simulate(main())


def test_a_new_key_is_told() -> None:
    async def main() -> None:
        async with door() as at, await at.client() as admin:
            assert await admin.rotate() == await a_key_more()
            (acted,) = [event for event in at.events if isinstance(event, OperatorActed)]
            assert (acted.verb, acted.items) == ("rotate", 2)

    simulate(main())


def test_what_waits_in_the_maildrop_is_told_page_by_page() -> None:
    async def main() -> None:
        async with door() as at, await at.client() as admin:
            (row,) = await admin.handed_in(limit=3)
            assert (row.id, row.sender, row.recipients) == ("0a", "<>", LETTER.recipients)
            assert await admin.handed_in(row.place, 3) == []

    simulate(main())


def test_status_tells_how_the_daemon_is_and_how_much_waits() -> None:
    async def main() -> None:
        async with door() as at:
            await at.queue.accept()
            async with await at.client() as admin:
                assert await admin.status() == STATUS.model_copy(update={"items": 1})

    simulate(main())


def test_a_reload_tells_what_it_changed_and_what_waits() -> None:
    async def main() -> None:
        done = Reloaded(applied=("tls.certificate",), waiting=("queue.poll_s",))

        async def reload(only_certificates: bool) -> Reloaded:
            return Reloaded() if only_certificates else done

        async with door(reload) as at, await at.client() as admin:
            assert await admin.reload() == done
            assert await admin.reload(only_certificates=True) == Reloaded()

    simulate(main())


def test_a77_a_reload_of_wrong_settings_is_answered_with_all_that_is_wrong() -> None:
    async def main() -> None:
        async def reload(_only_certificates: bool) -> Reloaded:
            raise SettingsError("a.toml:3: wrong\na.toml:4: wrong too")

        async with door(reload) as at, await at.client() as admin:
            with pytest.raises(AdminError, match="4: wrong too") as caught:
                await admin.reload()
            assert caught.value.trouble is Trouble.SETTINGS

    simulate(main())


def test_a_renewal_answers_with_the_new_certificate_or_with_what_was_in_its_way() -> None:
    async def main() -> None:
        row = CertificateRow(file="/a.pem", names=("a.example",), issuer="CN=b", ends_us=7)

        async def renew() -> CertificateRow:
            return row

        async with door(renew=renew) as at, await at.client() as admin:
            assert await admin.renew() == row
        async with door() as at, await at.client() as admin:
            with pytest.raises(AdminError, match="nobody signs here") as caught:
                await admin.renew()
            assert caught.value.trouble is Trouble.CERTIFICATE

    simulate(main())


def test_pages_show_what_an_operator_wants_to_know() -> None:
    async def main() -> None:
        async with door() as at:
            first, second = await at.queue.accept(), await at.queue.accept(domain="example.net", sender=None)
            await asyncio.sleep(10)
            async with await at.client() as admin:
                one = await admin.page(Wanted(), limit=1)
                two = await admin.page(Wanted(), after=(one[0].queue_id, one[0].destination))
                assert [row.queue_id for row in (*one, *two)] == [first, second]
                assert one[0].sender.startswith("alice")
                assert two[0].sender == "<>"
                assert one[0].attempts == 1
                assert one[0].recipients[0].last_reply == str(NOT_NOW.reply)
                assert await admin.show(second) == two
                assert await admin.show("nosuch") == []
                assert await admin.count(Wanted(recipient="example.net")) == 1

    simulate(main())


def test_a_page_of_messages_to_a_thousand_recipients_each_fits_an_answer() -> None:
    recipient = RecipientRow(address="a" * 254, last_reply="4" * 512, notify="SUCCESS|FAILURE|DELAY")
    assert MAX_PAGE * 1000 * len(recipient.model_dump_json() + ",") < RESPONSE_BYTES


def test_statistics_name_each_destination() -> None:
    async def main() -> None:
        async with door() as at:
            await at.queue.accept()
            await asyncio.sleep(10)
            async with await at.client() as admin:
                (row,) = await admin.stats()
                assert (row.items, row.held) == (1, 0)

    simulate(main())


def test_standing_holds_are_made_seen_and_ended() -> None:
    async def main() -> None:
        async with door() as at, await at.client() as admin:
            wanted = Wanted(sender="news@example.com")
            assert await admin.change(ChangeRequest(verb="hold", wanted=wanted)) == 0
            assert await admin.holds() == [wanted]
            await admin.change(ChangeRequest(verb="release", wanted=wanted))
            assert await admin.holds() == []

    simulate(main())


@pytest.mark.parametrize("verb", ["hold", "release", "retry", "delete", "bounce"])
def test_each_verb_changes_the_queue_and_is_told(verb: Any) -> None:
    async def main() -> None:
        async with door() as at:
            queue_id = await at.queue.accept()
            await asyncio.sleep(10)
            async with await at.client() as admin:
                if verb == "release":
                    await admin.change(ChangeRequest(verb="hold", wanted=Wanted()))
                wanted = Wanted(queue_ids=(queue_id,))
                assert await admin.change(ChangeRequest(verb=verb, wanted=wanted)) == 1
            told = OperatorActed(verb=verb, wanted=f'{{"queue_ids":["{queue_id}"]}}', items=1)
            assert at.events[-1] == told

    simulate(main())


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"GET / HTTP/1.1",
        b"{}",
        b"[]",
        b"null",
        b"\xff\x00",
        b'{"verb":"shutdown"}',
        b'{"verb":"page","limit":100000}',
        b'{"verb":"page","limit":"10"',
        b'{"verb":"hold"}',
        b'{"verb":"hold","wanted":{"sendr":"x"}}',
        b'{"verb":"status","more":1}',
        b'{"verb":"count","wanted":{"queue_ids":[%s]}}' % b",".join([b'"x"'] * 10_001),
        b"[" * 100_000,
    ],
)
def test_what_is_not_a_request_is_answered_and_the_session_goes_on(line: bytes) -> None:
    async def main() -> None:
        async with door() as at:
            answer = await at.say(line)
            assert answer["error"]["kind"] == "bad_request"
            assert answer["error"]["text"]
            assert "ok" in await at.say(b'{"verb":"count"}')

    simulate(main())


def test_a_line_without_end_is_cut_off() -> None:
    async def main() -> None:
        async with door() as at:
            assert await at.say(b"x" * (2 << 20)) is None

    simulate(main())


def test_a_silent_session_is_closed_after_its_time() -> None:
    async def main() -> None:
        async with door() as at:
            connection = await at.network.connect(Endpoint(str(PATH), 0), timeout_s=1)
            peer = LinePeer(connection, 100)
            assert await peer.line() is None
            assert asyncio.get_running_loop().time() >= IDLE_S

    simulate(main())


def test_sessions_are_bounded_and_room_comes_back() -> None:
    async def main() -> None:
        async with door() as at:
            clients = [await at.client() for _ in range(SESSIONS)]
            for client in clients:
                await client.count(Wanted())
            with pytest.raises(AdminError):
                await (await at.client()).count(Wanted())
            async with clients[0]:
                pass
            await asyncio.sleep(1)
            assert await (await at.client()).count(Wanted()) == 0

    simulate(main())


def test_a_spool_that_fails_is_told_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(wanted: Filter) -> int:
        raise StoreError(StoreTrouble.FULL, "no space left")

    async def main() -> None:
        async with door() as at, await at.client() as admin:
            monkeypatch.setattr(at.queue.spool, "count", fail)
            with pytest.raises(AdminError, match="no space left") as caught:
                await admin.count(Wanted())
            assert caught.value.trouble is Trouble.STORE

    simulate(main())


def test_a_fault_of_ours_is_logged_with_its_stack_and_the_daemon_lives(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def fail(wanted: Filter) -> int:
        raise ZeroDivisionError("oops")

    async def main() -> None:
        async with door() as at, await at.client() as admin:
            with monkeypatch.context() as patch:
                patch.setattr(at.queue.spool, "count", fail)
                with pytest.raises(AdminError, match="a fault in the daemon"):
                    await admin.count(Wanted())
            event = at.events[-1]
            assert isinstance(event, AdminRequestFailed)
            assert "ZeroDivisionError: oops" in event.stack
            assert await admin.count(Wanted()) == 0

    simulate(main())


def test_nobody_at_the_socket_is_its_own_kind_of_trouble() -> None:
    async def main() -> None:
        with pytest.raises(AdminError, match="nobody answers") as caught:
            await AdminClient.open(MemoryNetwork(), PATH)
        assert caught.value.trouble is Trouble.DOWN

    simulate(main())


@pytest.mark.parametrize("answer", [b'{"fine":1}', b"{}", b"what?", b'{"ok":"many"}'])
def test_an_answer_of_another_version_is_an_error_not_a_crash(answer: bytes) -> None:
    async def main() -> None:
        network = MemoryNetwork()

        async def babble(peer: LinePeer) -> None:
            await peer.line()
            await peer.send(answer)

        async with asyncio.TaskGroup() as group:
            listener = network.listen(
                Endpoint(str(PATH), 0), lambda c: void(group.create_task(babble(LinePeer(c, 1000))))
            )
            async with await AdminClient.open(network, PATH) as admin:
                with pytest.raises(AdminError, match="another version"):
                    await admin.count(Wanted())
            listener.close()

    simulate(main())


def void(task: object) -> None:
    """Drop a result where a callback may not have one."""


def test_a_daemon_that_says_nothing_is_not_taken_for_one_of_another_version() -> None:
    async def main() -> None:
        network = MemoryNetwork()
        network.listen(Endpoint(str(PATH), 0), lambda connection: None)
        async with await AdminClient.open(network, PATH) as admin:
            for ask, seconds in ((admin.status, 10), (admin.reload, 600)):
                with pytest.raises(AdminError, match=f"did not answer within {seconds} s") as caught:
                    await ask()
                assert caught.value.trouble is Trouble.DOWN

    simulate(main())

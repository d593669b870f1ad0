"""Floor 4 · pickup — the station: from a file in the maildrop to a message in the spool, exactly once.

A file goes through three states, each on stable storage before the next begins:

1. `new/NAME`: handed in. Whoever did that has been told that all is well.
2. `taking/QUEUE-ID`: being taken up, under the id that the message will have; nobody else can reach the file any more.
3. gone: its message is in the spool. Only now may the message be delivered (release.py).

After a crash, and before anything is delivered, `recover` looks at what is in the second state: whose id the spool knows has only to be
removed; the others are taken up under the id that they have. So a message is never stored twice, and a file never removed before its
message is stored.

What is refused is told to whoever handed it in, if he still waits at the door; then the file is removed. Where he does not, a recipient that does not exist
fails as in a delivery, with a notice to the sender, and all else is set aside for the operator to see: nothing that was handed in is ever thrown
away. What cannot be taken now stays and is tried again.
"""

import asyncio
import traceback
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Final, TypeVar

from mailrail.addresses import NotKnownNowError
from mailrail.intake import Incoming, Intake, Treatment
from mailrail.maildrop import DropError
from mailrail.message import from_line
from mailrail.model import Origin, QueueId, Reply, StoreError
from mailrail.model import reply as say
from mailrail.pickup.correspondence import Correspondence
from mailrail.pickup.door import Door
from mailrail.pickup.events import HandedInFaulted, HandedInRefused, HandedInSetAside, MaildropFailed
from mailrail.pickup.ground import Ground
from mailrail.pickup.judging import Judged, Rules
from mailrail.pickup.lines import LineWatch
from mailrail.pickup.people import Person
from mailrail.pickup.reading import Blocks, Found, look, owner_of
from mailrail.pickup.release import Releaser

BATCH: Final = 20  # ours; files that are taken up at a time: they share syncs and commits
PROTOCOL: Final = "local"  # in traces and events

T = TypeVar("T")


class Pickup:
    """Takes up mail; make it inside the running loop.

    Args:
        ground: the maildrop's directory.
        rules: decide about each message.
        correspondence: who can be written to, and as whom.
        intake: takes responsibility; its taker is *releaser*.
        releaser: keeps messages until their files are gone.
        door: where programs knock.
        person_of: tells who has a user number; called in an executor.
        rewrites_header: addresses in the header are written as the correspondence has them.
        poll_s: how often to look when nobody knocks.
        most_bytes: of a message.
    """

    def __init__(
        self,
        ground: Ground,
        rules: Rules,
        correspondence: Correspondence,
        intake: Intake,
        releaser: Releaser,
        door: Door,
        *,
        person_of: Callable[[int], Person],
        rewrites_header: bool = False,
        poll_s: float,
        most_bytes: int,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._ground = ground
        self._rules = rules
        self._correspondence = correspondence
        self._rewrites_header = rewrites_header
        self._intake = intake
        self._releaser = releaser
        self._spool = intake.spool
        self._ids = intake.ids
        self._bus = intake.bus
        self._door = door
        self._person_of = person_of
        self._poll_s = poll_s
        self._most_bytes = most_bytes
        self._trouble = ""
        self._is_in_trouble = False
        self._is_prepared = False
        # Stored, but the file could not be removed: it must not be taken up again, nor delivered.
        self._stored: set[QueueId] = set()

    def use(self, correspondence: Correspondence, intake: Intake, *, rewrites_header: bool) -> None:
        """Go by these from the next message on."""
        self._correspondence, self._rewrites_header = correspondence, rewrites_header
        self._intake = intake.handing_to(self._releaser)

    async def recover(self) -> None:
        """Remove what is stored already; call it before anything is delivered.

        Raises:
            StoreError: the spool cannot be asked.
        """
        with suppress(OSError):  # told by `run`, which tries it again
            stored = [one for one in await self._do(self._ground.taking) if await self._spool.resolve(one)]
            self._stored.update(stored)
            await self._remove_stored()

    async def run(self) -> None:
        """Take up mail until cancelled.

        *Cancel-safe:* yes: what was begun is taken up at the next start.
        """
        try:
            while True:
                if not await self._look():
                    await self._door.knock(self._poll_s)
        finally:
            self._door.close()

    async def _look(self) -> bool:
        """Take up what is there; tell whether there may be more."""
        self._is_in_trouble = False
        try:
            if not self._is_prepared:
                await self._do(partial(self._ground.prepare, self._most_bytes))
                self._door.open()
                self._is_prepared = True
            has_more = await self._take_batch()
        except (OSError, StoreError) as error:
            self._tell(error)
            return False
        if not self._is_in_trouble:
            self._trouble = ""
        return has_more

    def _tell(self, error: OSError | StoreError) -> None:
        """Tell of trouble once, not at every look."""
        self._is_in_trouble = True
        if str(error) != self._trouble:
            self._trouble = str(error)
            self._bus.emit(MaildropFailed(directory=str(self._ground.path), reason=self._trouble))

    async def _do(self, work: Callable[[], T]) -> T:
        return await self._loop.run_in_executor(None, work)

    async def _take_batch(self) -> bool:
        """Take up some files; tell whether there may be more."""
        await self._remove_stored()
        begun = [one for one in await self._do(self._ground.taking) if one not in self._stored]
        names = await self._do(partial(self._ground.waiting, BATCH, self._intake.clock.now_us()))
        taken = {self._ids.make(): name for name in names}
        if taken:
            taken = await self._do(partial(self._move, taken))
        async with asyncio.TaskGroup() as tasks:
            for queue_id in (*begun[:BATCH], *taken):
                tasks.create_task(self._take(queue_id, taken.get(queue_id, "")))
        await self._remove_stored()
        return len(names) == BATCH

    def _move(self, taken: dict[QueueId, str]) -> dict[QueueId, str]:
        moved = {queue_id: name for queue_id, name in taken.items() if self._ground.take(name, queue_id)}
        if moved:
            self._ground.sync_taken()
        return moved

    async def _remove_stored(self) -> None:
        """Remove the files of messages that are stored, for good, and let the messages go."""
        stored = sorted(self._stored)
        if not stored:
            return

        def remove() -> None:
            for queue_id in stored:
                self._ground.remove(queue_id)
            self._ground.sync_removed()

        await self._do(remove)
        for queue_id in stored:
            self._stored.discard(queue_id)
            self._releaser.release(queue_id)

    async def _take(self, queue_id: QueueId, name: str) -> None:
        """Take up one file, and tell whoever waits for it.

        Args:
            name: that it was handed in by; "" after a restart.
        """
        user, is_told = "", False
        try:
            path = self._ground.place(queue_id)
            person = await self._owner(queue_id)
            user = person.name
            found = await self._do(partial(look, self._ground.disk, path, self._most_bytes))
            reply, is_told = await self._offer(queue_id, name, found, person)
        except DropError as error:
            reply = say.NOT_HANDED_IN.with_text(f"That is no mail that was handed in: {error}")
        except PermissionError as error:
            reply = say.NOT_HANDED_IN.with_text(f"The file cannot be read: {error.strerror}")
        except (OSError, StoreError) as error:
            self._tell(error)
            reply = say.STORE_FAILED
        except NotKnownNowError as error:
            reply = error.reply
        except Exception:  # a task boundary: no file stops the server
            self._bus.emit(HandedInFaulted(queue_id=queue_id, stack=traceback.format_exc()))
            reply = say.NOT_HANDED_IN.with_text("A fault in the server; its log has the details")
        if reply.is_positive:
            self._stored.add(queue_id)
        if not is_told:
            is_told = await self._tell_caller(name, reply)
        if reply.is_permanent:
            await self._dismiss(queue_id, user, reply, is_told=is_told)

    async def _owner(self, queue_id: QueueId) -> Person:
        ground = self._ground
        return await self._do(lambda: self._person_of(owner_of(ground.disk, ground.place(queue_id))))

    async def _tell_caller(self, name: str, reply: Reply) -> bool:
        """Tell whoever handed in *name*, and return whether he has surely heard it."""
        return bool(name) and await self._door.tell(name, reply)

    async def _dismiss(self, queue_id: QueueId, user: str, reply: Reply, *, is_told: bool) -> None:
        """Remove a file that is not taken, or set it aside where nobody has heard that."""
        try:
            if is_told:
                await self._do(partial(self._drop, queue_id))
                self._bus.emit(HandedInRefused(queue_id=queue_id, user=user, reply=str(reply)))
                return
            aside = await self._do(partial(self._ground.set_aside, queue_id))
        except OSError as error:
            self._tell(error)
        else:
            self._bus.emit(HandedInSetAside(queue_id=queue_id, file=str(aside), user=user, reason=str(reply)))

    def _drop(self, queue_id: QueueId) -> None:
        self._ground.remove(queue_id)
        self._ground.sync_removed()

    async def _offer(self, queue_id: QueueId, name: str, found: Found, person: Person) -> tuple[Reply, bool]:
        """Give the message to `intake`; return what that says, and whether the caller has heard it already.

        Raises:
            DropError, OSError, StoreError: it was not taken.
        """
        judged = self._rules.judge(found.handed, person)
        if isinstance(judged, Reply):
            return judged, False
        shortage = self._shortage(found.size_bytes)
        if shortage is not None:
            return shortage, False
        resolved = await self._correspondence.resolve(judged.envelope)
        envelope, refusal = resolved.envelope, resolved.refusal
        if refusal is not None:
            is_told = refusal.is_permanent and await self._tell_caller(name, refusal)
            if is_told or refusal.is_temporary or envelope.reverse_path is None:
                return refusal, is_told
        origin = Origin(protocol=PROTOCOL, user=person.name, is_local=True)
        incoming = self._intake.begin(
            origin,
            envelope,
            treatment=await self._treatment(judged),
            written_to=judged.envelope.recipients,
            queue_id=queue_id,
        )
        try:
            blocks = await self._do(partial(Blocks, self._ground.disk, self._ground.place(queue_id), found))
            try:
                await self._pour(blocks, incoming)
            finally:
                blocks.close()
            return await _settled(incoming.finish()), False
        except BaseException:
            incoming.discard()
            raise

    def _shortage(self, size_bytes: int) -> Reply | None:
        """Return what there is too little of for a message of this size, or None."""
        if size_bytes > self._most_bytes:
            return say.TOO_BIG
        if not self._intake.spool.has_space(size_bytes):
            return say.STORE_FULL
        return None if self._intake.spool.has_place() else say.QUEUE_FULL

    async def _treatment(self, judged: Judged) -> Treatment:
        """Return what is done to the message.

        Raises:
            NotKnownNowError: as whom its author writes cannot be looked up now.
        """
        author = await self._correspondence.sender(judged.author)
        treatment = replace(judged.treatment, author=from_line(judged.name, author))
        rewriter = self._correspondence.rewriter
        if rewriter is None or not self._rewrites_header:
            return treatment
        return replace(treatment, rewrite=rewriter.header)

    async def _pour(self, blocks: Blocks, incoming: Incoming) -> None:
        lines = LineWatch()
        while block := await self._do(blocks.read):
            lines.feed(block)
            wait = incoming.write(block)
            if wait is not None:
                await wait
        lines.finish()


async def _settled(answer: Reply | Awaitable[Reply]) -> Reply:
    return answer if isinstance(answer, Reply) else await answer

import pytest
from tests.support.spools import Mail, TurnedClock, in_loop, keep, store

from mailrail.model import StoreError, StoreTrouble
from mailrail.spool import Change, Filter, MemorySpool, MemoryStore, Settlement, Want


@in_loop
async def test_a_store_told_to_refuse_answers_as_a_full_disk_and_keeps_what_it_has() -> None:
    """A68: the fake can play the trouble, so that the rooms above can be tested with it."""
    clock, disk = TurnedClock(), MemoryStore()
    mail, spool = Mail(clock), MemorySpool(clock, disk)
    (lease,) = await keep(spool, mail, lease=True)
    message = mail.message()
    draft = spool.begin(message.queue_id)
    draft.write(b"x" * 10)
    disk.refuses = StoreTrouble.FULL
    assert not spool.has_space(10)
    with pytest.raises(StoreError):
        await draft.commit(message, mail.items(message), lease=False)
    with pytest.raises(StoreError):
        await spool.settle(Settlement(lease, None))
    with pytest.raises(StoreError):
        await spool.mutate(Filter(), Change.DELETE)
    with pytest.raises(StoreError):
        await spool.claim(Want(1, 1))
    with pytest.raises(StoreError):
        spool.begin(mail.message().queue_id)
    disk.refuses = None
    assert (await spool.settle(Settlement(lease, None))).done
    await store(spool, message, mail.items(message))

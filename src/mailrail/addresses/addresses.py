"""Floor 3 · addresses — the one who is asked at RCPT: drives an expansion, and waits only where something must be looked up elsewhere."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import count
from typing import Final, assert_never

from mailrail.addresses.api import (
    Answer,
    Expansion,
    NextHop,
    NotKnownNowError,
    People,
    Refusal,
    Resolved,
)
from mailrail.addresses.events import AddressExpanded, AddressInTrouble
from mailrail.addresses.expansion import UNKNOWN, Expander, Walk
from mailrail.addresses.included import read_list
from mailrail.addresses.questions import AskHop, AskUser, LookUp, Question, ReadList, Values
from mailrail.model import Address, Recipient
from mailrail.model import reply as say
from mailrail.observe import Bus
from mailrail.tables import Known, Table, TableError

_TOLD: Final = 10  # recipients in an event
_ANYTHING: Values = ()
_IN_A_ROW: Final = 100  # questions to tables in memory, which never wait: then it is the turn of others


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Whom an expansion may have to ask.

    Attributes:
        tables: by name.
        people: who has a login; None where nobody knows.
        next_hop: who asks next hops; None where no domain wants it.
        read_list: returns the targets in a file, None if it is not there; may block.
        at_once: returns what a table says of a key, by their names, None where that must be waited for.
    """

    tables: Mapping[str, Table]
    people: People | None = None
    next_hop: NextHop | None = None
    read_list: Callable[[str], Values] = read_list
    at_once: Callable[[str, str], Known | None] = lambda name, key: None


class Addresses:
    """Answers for all domains of ours.

    Attributes:
        message_recipients: recipients that a message may have once all its addresses are resolved.
        domains: those that it knows something of; None: of all, since it writes recipients in another way.
    """

    def __init__(self, expander: Expander, sources: Sources, bus: Bus, *, message_recipients: int) -> None:
        self.message_recipients = message_recipients
        self._expander = expander
        self._sources = sources
        self._bus = bus
        self.domains = None if expander.rewriting.recipient else frozenset(expander.domains)

    def concerns(self, address: Address) -> bool:
        """Tell whether *address* may stand for others, or not exist; about all others there is nothing to ask."""
        return self.domains is None or address.domain in self.domains

    def resolve(self, recipient: Recipient, *, has_sender: bool = True, session: str = "") -> Answer:
        """Find out whom mail for *recipient* goes to; waits only where something must be looked up elsewhere.

        Args:
            has_sender: the reverse-path is not the null one.
            session: id of the one that asks, for events.

        *Cancel-safe:* yes.
        """
        walk = self._expander.expand(recipient, has_sender=has_sender)
        try:
            question = next(walk)
            for _ in range(_IN_A_ROW):
                if (known := self._at_once(question)) is None:
                    break
                question = walk.send(known.values)
        except StopIteration as done:
            return self._told(recipient, session, done.value)
        return self._resolve(recipient, session, walk, question)

    def _at_once(self, question: Question) -> Known | None:
        if isinstance(question, LookUp):
            return self._sources.at_once(question.table, question.key)
        return None

    async def _resolve(self, recipient: Recipient, session: str, walk: Walk, question: Question) -> Resolved:
        try:
            for number in count(1):
                if number % _IN_A_ROW == 0:
                    await asyncio.sleep(0)
                question = walk.send(await self._ask(question))
            raise AssertionError("an expansion has an end")
        except StopIteration as done:
            return self._told(recipient, session, done.value)
        except TableError as error:
            return self._told(recipient, session, Refusal(say.ADDRESS_UNAVAILABLE, str(error)))
        except NotKnownNowError as error:
            return self._told(recipient, session, Refusal(error.reply, str(error)))
        finally:
            walk.close()

    async def _ask(self, question: Question) -> Values:
        sources = self._sources
        match question:
            case LookUp(table, key):
                return await sources.tables[table].look_up(key)
            case ReadList(path):
                return await asyncio.get_running_loop().run_in_executor(None, sources.read_list, path)
            case AskUser(name):
                assert sources.people is not None, "users are only asked for where there are any"
                return _ANYTHING if await sources.people.has(name) else None
            case AskHop(address):
                assert sources.next_hop is not None, "a domain is verified without anybody to ask"
                return _ANYTHING if await sources.next_hop.takes(address) else None
            case _:
                assert_never(question)

    def _told(self, recipient: Recipient, session: str, resolved: Resolved) -> Resolved:
        address = str(recipient.forward_path)
        if isinstance(resolved, Refusal):
            if resolved.reply is not say.NO_SUCH_USER:
                self._bus.emit(
                    AddressInTrouble(
                        session=session, address=address, reason=resolved.reason, reply=str(resolved.reply)
                    )
                )
            return resolved
        found = resolved.recipients
        is_other = len(found) > 1 or found[0].forward_path != recipient.forward_path or found[0].target
        if is_other and self._bus.wants(AddressExpanded):
            shown = tuple(one.target or str(one.forward_path) for one in found[:_TOLD])
            self._bus.emit(
                AddressExpanded(session=session, address=address, recipients=shown, count=len(found))
            )
        return resolved

    async def of_notice(self, recipient: Recipient) -> tuple[Recipient, ...]:
        """Return whom a notice of ours for *recipient* goes to: there is nobody left whom a refusal could be told.

        Raises:
            NotKnownNowError: it cannot be known now.

        *Cancel-safe:* yes.
        """
        if not self.concerns(recipient.forward_path):
            return (recipient,)
        answer = self.resolve(recipient, has_sender=False)
        resolved = await answer if isinstance(answer, Awaitable) else answer
        if isinstance(resolved, Expansion):
            return resolved.recipients
        if resolved.reply.is_temporary:
            raise NotKnownNowError(f"{recipient.forward_path}: {resolved.reason}", resolved.reply)
        return (replace(recipient, target=UNKNOWN),)

    def distinct(self, recipients: Iterable[Recipient]) -> tuple[Recipient, ...]:
        """Return *recipients*, each once, the first of those that are the same."""
        key, found = self._expander.key, dict[tuple[str, str, str], Recipient]()
        for recipient in recipients:
            found.setdefault(key(recipient), recipient)
        return tuple(found.values())

"""Floor 3 · addresses — whom mail for an address goes to: aliases, lists, catch-all, sub-addresses. Pure.

`Expander.expand` is a generator: it yields what must be looked up and is sent the answers, so that whoever drives it need not wait where
nothing has to be waited for, and so that golden files can play a directory. For each address, in this order:

0. What `canonical.recipient` calls it; only the address that was written to, never a target.
1. A domain that is not ours: mail goes there. If an alias led to it, it is forwarded.
2. The aliases of the name as written, then of the name without its detail: first those of the settings, then the tables in their order.
   Each target goes through all of this again. If there is an alias `owner-NAME`, NAME is a list: its members get the mail from the owner.
3. Its domain is another name of a domain: the same name there.
4. The mailboxes of the domain.
5. postmaster and abuse are always reachable (RFC 5321 §4.5.1, RFC 2142).
6. The domain's catch-all, in the settings or as `@domain` in its tables of aliases.
7. Nobody: refused, or where only one of several targets is nobody, a notice to the sender.

An alias that names itself means its own mailbox. One that leads back to an alias passed before is a loop (A64): nothing is delivered, because
nobody can say what was meant.
"""

from collections.abc import Generator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from mailrail.addresses.api import Expansion, Refusal, Resolved, Step
from mailrail.addresses.local_domain import LocalDomain, Names, keys
from mailrail.addresses.questions import AskHop, AskUser, LookUp, Question, ReadList, Values
from mailrail.addresses.rewriting import RewritingRules
from mailrail.addresses.targets import BrokenTargetError, Target, ToAddress, ToAgent, ToIncluded, parse_target
from mailrail.addresses.wishes import EXPANDED, LIST, Wishes
from mailrail.model import LOCAL_PART_OCTETS, Address, Recipient, Reply, value
from mailrail.model import reply as say

UNKNOWN: Final = "unknown"  # the agent that answers for a target which does not exist
OWNER: Final = "owner-"
_NOBODY: Final = frozenset({UNKNOWN, EXPANDED, LIST})
_VISITS: Final = 4  # addresses looked at for each that may be found: members of several lists come again

Walk = Generator[Question, Values, Resolved]
_Walk = Generator[Question, Values, None]
_Found = Generator[Question, Values, "_Alias | None"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How far an expansion may go.

    Attributes:
        depth: aliases one behind another.
        recipients: out of one address.
    """

    depth: int
    recipients: int


@value
class _Alias:
    """A name that stands for others.

    Attributes:
        name: as it was found: without the detail, if only that has an alias.
        detail: what was left over, its separator included.
        is_catch_all: nobody is called so.
        has_name: somebody gave the name a meaning, so that it may be a list.
    """

    name: Address
    targets: tuple[str, ...]
    rule: str
    detail: str = ""
    is_catch_all: bool = False
    has_name: bool = False


@value
class _Place:
    """Where an expansion stands.

    Attributes:
        chain: the aliases passed, outermost first.
        is_final: only the mailbox is meant, no alias of this name.
        is_caught: a catch-all was passed: nobody is behind it whom it would get again.
    """

    address: Address
    wishes: Wishes
    chain: tuple[Address, ...] = ()
    is_final: bool = False
    is_caught: bool = False


class _Refused(Exception):  # noqa: N818 -- no error: it ends one expansion
    def __init__(self, reply: Reply, reason: str) -> None:
        super().__init__(reason)
        self.reply = reply
        self.reason = reason


class Expander:
    """Knows the rules; keeps nothing between two expansions.

    Args:
        domains: those that somebody lives in, by name.
        ours: every domain that mail is taken for.
        postmaster: who reads mail for a postmaster that a domain does not have, None for nobody.
        rewriting: what recipients are written as, before all else.
    """

    def __init__(
        self,
        domains: Mapping[str, LocalDomain],
        ours: frozenset[str],
        bounds: Bounds,
        postmaster: Address | None = None,
        rewriting: RewritingRules | None = None,
    ) -> None:
        self.rewriting = rewriting or RewritingRules()
        self.domains = domains
        self.ours = ours
        self.bounds = bounds
        self.postmaster = (
            None if postmaster is None else Address(postmaster.local_part.lower(), postmaster.domain)
        )

    def expand(self, recipient: Recipient, *, has_sender: bool = True) -> Walk:
        """Find out whom mail for *recipient* goes to: yields questions, returns the answer.

        Args:
            has_sender: the reverse-path is not the null one, which no list may replace: nobody hears of trouble with a notice (A63).
        """
        run = _Run(self, has_sender=has_sender)
        try:
            yield from run.begin(recipient)
        except _Refused as end:
            refusal = Refusal(end.reply, end.reason, tuple(run.steps))
        else:
            found = tuple(run.found.values())
            if any(one.target not in _NOBODY for one in found):
                return Expansion(found, tuple(run.steps))
            reason = f"{recipient.forward_path} is neither a mailbox nor an alias that leads to one"
            refusal = Refusal(say.NO_SUCH_USER, reason, tuple(run.steps))
        domain = self.domains.get(recipient.forward_path.domain)
        if refusal.reply.is_temporary or domain is None or not domain.is_role(recipient.forward_path):
            return refusal
        return Expansion(
            (recipient,), (*refusal.steps, replace(_ALWAYS, address=str(recipient.forward_path)))
        )  # whatever is wrong with it

    def key(self, recipient: Recipient) -> tuple[str, str, str]:
        """Return what two recipients have in common if one copy is enough for both."""
        path = recipient.forward_path
        local_part = path.local_part
        return local_part.lower() if path.domain in self.ours else local_part, path.domain, recipient.target


class _Run:
    """One expansion: what was found, and how."""

    def __init__(self, rules: Expander, *, has_sender: bool) -> None:
        self.rules = rules
        self._has_sender = has_sender
        self.found: dict[tuple[str, str, str], Recipient] = {}
        self.steps: list[Step] = []
        self._visits = 0
        self._was_ours = False  # it was an address of ours before it was rewritten
        self._own_mailbox: set[Address] = set()  # aliases that name themselves

    def begin(self, recipient: Recipient) -> _Walk:
        """Go on from *recipient*, written as it is to be."""
        path, wishes = recipient.forward_path, Wishes.of(recipient)
        address = yield from self.rules.rewriting.recipient_of(path)
        if address != path:
            self.steps.append(Step(str(path), "canonical.recipient", (str(address),), 0))
            self._was_ours = path.domain in self.rules.ours
            wishes, _ = wishes.behind_alias(path, 1)
        yield from self.walk(_Place(address, wishes))

    def walk(self, place: _Place) -> _Walk:
        """Go on from *place* to the end of every way."""
        address = place.address
        self._visits += 1
        if self._visits > _VISITS * self.rules.bounds.recipients:
            raise self._too_many()
        domain = self.rules.domains.get(address.domain)
        if domain is None:
            is_forwarded = address.domain not in self.rules.ours and bool(place.chain or self._was_ours)
            if place.chain:
                self._tell(place, "forwarded: not a domain of ours" if is_forwarded else "taken as it is")
            self._take(place.wishes.recipient(address, is_forwarded=is_forwarded))
            return
        if not place.is_final and (alias := (yield from self._alias(domain, place))) is not None:
            yield from self._branch(domain, place, alias)
            return
        if domain.alias_of:
            # The name keeps its detail: what it means is for the other domain to say.
            target = replace(address, domain=domain.alias_of)
            name = domain.candidates(address)[0]
            alias = _Alias(name, (str(target),), f'alias_of of domain."{domain.name}"')
            yield from self._branch(domain, place, alias)
            return
        yield from self._home(domain, place)

    def _home(self, domain: LocalDomain, place: _Place) -> _Walk:
        """Deliver to the mailbox, or to whoever gets what has none."""
        rule = yield from self._mailbox(domain, place)
        if rule:
            self._tell(place, rule)
            self._take(place.wishes.recipient(domain.spelled(place.address)))
        elif domain.is_role(place.address):
            yield from self._role(domain, place)
        elif not place.is_caught and (alias := (yield from self._catch_all(domain, place))) is not None:
            yield from self._branch(domain, place, alias)
        else:
            self._tell(place, f'no such name in domain."{domain.name}"')
            self._take(place.wishes.recipient(place.address, target=UNKNOWN))

    # --- Aliases ------------------------------------------------------------------------------

    def _alias(self, domain: LocalDomain, place: _Place) -> _Found:
        """Find the alias that *place* is, None if it is none or means its own mailbox."""
        names = domain.candidates(place.address)
        for name in names:
            if name in place.chain:
                if name == place.chain[-1] or name in self._own_mailbox:
                    return None
                raise _Refused(say.ALIAS_LOOP, f"loop: {_chain_text(place.chain, name)}")
            if (values := domain.alias.get(name.local_part)) is not None:
                rule = f'alias of domain."{domain.name}"'
            else:
                values, rule = yield from self._in_tables(domain, name)
            if values:
                detail = names[0].local_part[len(name.local_part) :]
                return _Alias(name, values, rule, detail, has_name=True)
        return None

    def _in_tables(
        self, domain: LocalDomain, name: Address
    ) -> Generator[Question, Values, tuple[Values, str]]:
        for table in domain.aliases:
            for key in keys(name):
                values = yield LookUp(table, key)
                if values:
                    return values, f"{key} in table {table}"
        return None, ""

    def _branch(self, domain: LocalDomain, place: _Place, alias: _Alias) -> _Walk:
        """Go on from an alias to everything that it names."""
        chain = (*place.chain, alias.name)
        if len(chain) > self.rules.bounds.depth:
            raise _Refused(
                say.ALIAS_LOOP,
                f"more than {self.rules.bounds.depth} aliases: {_chain_text(chain[:-1], alias.name)}",
            )
        self.steps.append(Step(str(place.address), alias.rule, alias.targets, len(place.chain)))
        targets = yield from self._targets(domain, alias)
        if any(
            isinstance(one, ToAddress) and self._means(domain, one.address, alias.name) for one in targets
        ):
            self._own_mailbox.add(alias.name)
        wishes = yield from self._wishes(domain, place, alias, len(targets))
        for target in targets:
            match target:
                case ToAddress(address, is_final):
                    onward = self._with_detail(address, alias.detail)
                    is_caught = place.is_caught or alias.is_catch_all
                    yield from self.walk(_Place(onward, wishes, chain, is_final, is_caught))
                case ToAgent(name):
                    self._take(wishes.recipient(place.address, target=name))
                case ToIncluded():
                    raise AssertionError("read by _targets")

    def _targets(self, domain: LocalDomain, alias: _Alias) -> Generator[Question, Values, list[Target]]:
        """Read the targets of *alias*, those in files too."""
        found: list[Target] = []
        for text in alias.targets:
            target = self._parsed(text, domain, alias)
            if isinstance(target, ToIncluded):
                values = yield ReadList(target.path)
                if values is None:
                    raise _Refused(say.ALIAS_BROKEN, f"{alias.rule}: {target.path} is not there")
                members = [self._parsed(one, domain, alias) for one in values]
                if any(isinstance(one, ToIncluded) for one in members):
                    raise _Refused(say.ALIAS_BROKEN, f"{alias.rule}: {target.path} includes another file")
                found += members
            else:
                found.append(target)
            if len(found) > self.rules.bounds.recipients:
                raise self._too_many()
        return found

    def _parsed(self, text: str, domain: LocalDomain, alias: _Alias) -> Target:
        try:
            return parse_target(text, alias.name, domain.allow)
        except BrokenTargetError as error:
            # Somebody's slip must not bounce mail: it waits at its sender's until it is mended.
            raise _Refused(say.ALIAS_BROKEN, f"{alias.rule}: {error}") from None

    def _wishes(
        self, domain: LocalDomain, place: _Place, alias: _Alias, targets: int
    ) -> Generator[Question, Values, Wishes]:
        owner = yield from self._owner(domain, alias)
        if owner is None:
            wishes, answering = place.wishes.behind_alias(place.address, targets)
        else:
            wishes, answering = place.wishes.behind_list(place.address, owner if self._has_sender else None)
        if answering is not None:
            self._take(answering)
        return wishes

    def _owner(self, domain: LocalDomain, alias: _Alias) -> Generator[Question, Values, Address | None]:
        """Return `owner-NAME` if there is such an alias: then NAME is a list (RFC 5321 §3.9.2)."""
        local_part = alias.name.local_part
        if not alias.has_name or local_part.startswith(OWNER) or local_part.endswith("-request"):
            return None
        owner = Address(OWNER + local_part, domain.name)
        if owner.local_part in domain.alias:
            return owner
        values, _ = yield from self._in_tables(domain, owner)
        return owner if values else None

    def _means(self, domain: LocalDomain, address: Address, name: Address) -> bool:
        return address.domain == domain.name and name in domain.candidates(address)

    def _with_detail(self, address: Address, detail: str) -> Address:
        """Hand the detail on to a domain of ours that knows details: somebody else may not take such names."""
        domain = self.rules.domains.get(address.domain)
        if not detail or domain is None or detail[0] not in domain.separators:
            return address
        local_part = address.local_part + detail
        if domain.detail_at(address.local_part) is not None or len(local_part.encode()) > LOCAL_PART_OCTETS:
            return address
        return Address(local_part, address.domain)

    def _catch_all(self, domain: LocalDomain, place: _Place) -> _Found:
        name = domain.candidates(place.address)[0]
        if domain.catch_all:
            rule = f'catch_all of domain."{domain.name}"'
            return _Alias(name, domain.catch_all, rule, is_catch_all=True)
        for table in domain.aliases:
            key = f"@{domain.name}"
            if values := (yield LookUp(table, key)):
                return _Alias(name, values, f"{key} in table {table}", is_catch_all=True)
        return None

    # --- Mailboxes ----------------------------------------------------------------------------

    def _mailbox(self, domain: LocalDomain, place: _Place) -> Generator[Question, Values, str]:
        """Return by which rule *place* is a mailbox, "" if it is none."""
        address = place.address
        match domain.names:
            case Names.ANY:
                return f'every name of domain."{domain.name}" is taken'
            case Names.NAMED:
                return "an alias names it, or the catch-all" if place.chain else ""
            case Names.NONE:
                return ""
            case Names.ASKED:
                is_there = (yield AskHop(domain.spelled(address))) is not None
                return "the next hop takes it" if is_there else ""
        for name in domain.candidates(address):
            for key in keys(name):
                if domain.names is Names.USERS:
                    if (yield AskUser(key)) is not None:
                        return f"user {key}"
                    continue
                for table in domain.mailboxes:
                    if (yield LookUp(table, key)) is not None:
                        return f"{key} in table {table}"
        return ""

    def _role(self, domain: LocalDomain, place: _Place) -> _Walk:
        """Find a reader for postmaster or abuse."""
        reader = self.rules.postmaster
        name = domain.candidates(place.address)[-1]
        if reader is None or reader in (name, *place.chain):
            self.steps.append(replace(_ALWAYS, address=str(place.address), depth=len(place.chain)))
            self._take(place.wishes.recipient(domain.spelled(place.address)))
            return
        yield from self._branch(domain, place, _Alias(name, (str(reader),), "report.postmaster"))

    # --- What comes of it -----------------------------------------------------------------------

    def _take(self, recipient: Recipient) -> None:
        """Add *recipient*; who is found again gets one copy."""
        self.found.setdefault(self.rules.key(recipient), recipient)
        if len(self.found) > self.rules.bounds.recipients:
            raise self._too_many()

    def _tell(self, place: _Place, rule: str) -> None:
        self.steps.append(Step(str(place.address), rule, (), len(place.chain)))

    def _too_many(self) -> _Refused:
        return _Refused(
            say.ALIAS_TOO_LARGE, f"more than {self.rules.bounds.recipients} recipients out of one address"
        )


_ALWAYS: Final = Step("", "postmaster and abuse are always taken (RFC 5321 §4.5.1)", (), 0)


def _chain_text(chain: tuple[Address, ...], last: Address) -> str:
    return " -> ".join(map(str, (*chain, last)))

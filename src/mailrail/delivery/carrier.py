"""Floor 4 · delivery — a lane's hands: one message at a time over one session, kept for the next.

A try walks the addresses of the plan until every recipient has an answer that no other host could
change. Three things are not failures of the peer and are mended within the try, once: a session that
was closed while it rested, content that must be encoded for this hop, and TLS handshakes that fail
where TLS is only wished for, when no other host is left. A session that went wrong in any way is never used again.

The parcel to come next may go *ahead*: its envelope leaves behind the content of the one before (`ClientSession.announce`).
It is carried next in any case; when the session has ended meanwhile, as if nothing had been.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from itertools import islice
from typing import Final, Protocol

from mailrail.client import ClientSession, SendResult, SessionError, SessionFailed, SessionTerms
from mailrail.delivery import classify, demands, reverse_paths
from mailrail.delivery.fallback import may_do_without_tls, plain
from mailrail.delivery.fit import Fit, as_it_is, cleaned, fit
from mailrail.delivery.parcel import Parcel, Progress, part_of
from mailrail.delivery.plans import DeadEndpoints
from mailrail.delivery.settings import DeliverySettings
from mailrail.model import (
    Address,
    Attempt,
    Blame,
    Clock,
    Deferred,
    Delivered,
    Failed,
    LocalProtocolError,
    Message,
    Outcome,
    Recipient,
    Reply,
)
from mailrail.model import reply as say
from mailrail.net import Endpoint
from mailrail.routing import Host, Plan, Route
from mailrail.smtp import Extensions, Stage

_NOBODY_ASKED: Final = Deferred(Blame.HOST, say.NO_HOST_ANSWERS)


class Hand(Protocol):
    """As much of any carrier as is needed to hand something over."""

    async def carry(self, parcel: Parcel, /) -> Attempt:
        """Try *parcel* once."""
        ...

    async def close(self) -> None:
        """End its session."""
        ...


class Dispatch(Protocol):
    """What a carrier asks of its courier."""

    settings: DeliverySettings
    dead: DeadEndpoints
    leaves_as: reverse_paths.LeavesAs
    clock: Clock

    def route(self, recipient: Recipient) -> Route:
        """Return where *recipient* goes by the settings."""
        ...

    def rewritten(self, message: Message, leaves_as: Address) -> None:
        """Tell that some of *message* leaves with another reverse-path."""
        ...

    def carrier_for(self, route: Route) -> Hand:
        """Return a new carrier for *route*, which may lead to an agent on this machine."""
        ...

    async def plan(self, route: Route) -> Plan | Deferred | Failed:
        """Return the hosts of *route*."""
        ...

    def terms(self, route: Route, host: Host, endpoint: Endpoint) -> SessionTerms:
        """Return what a session with *host* is to be like."""
        ...

    async def open(self, route: Route, host: Host, endpoint: Endpoint, terms: SessionTerms) -> ClientSession:
        """Open a session."""
        ...

    def fell_back(self, route: Route, host: Host, error: SessionFailed) -> None:
        """Tell that TLS failed and the session goes on in the clear."""
        ...


class SmtpCarrier:
    """Carries by SMTP or LMTP to one destination (the queue's Carrier)."""

    def __init__(self, dispatch: Dispatch, route: Route) -> None:
        self._dispatch = dispatch
        self._route = route
        self._loop = asyncio.get_running_loop()
        self._most, self._longest_s = dispatch.settings.session_messages, dispatch.settings.session_s
        self._session: ClientSession | None = None
        self._opened_s = 0.0
        self._facts = ("", "", "")  # of the session: the host's name, its address, TLS
        self._ahead: Callable[[], Parcel | None] | None = None
        self._gone_ahead: Progress | None = None  # of the parcel whose envelope the session has announced

    @property
    def is_open(self) -> bool:
        """Tell whether a session stands ready for the next message."""
        session = self._session
        return session is not None and session.is_usable and self._may_go_on(session)

    @property
    def has_gone_ahead(self) -> bool:
        """Tell whether the parcel to be carried next has been begun, and can go on."""
        session = self._session
        return session is not None and session.has_announced

    async def close(self) -> None:
        """Say QUIT if a session is open, and forget it; bounded by the client's quit_s."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def carry(self, parcel: Parcel, ahead: Callable[[], Parcel | None] | None = None) -> Attempt:
        """Try *parcel* once.

        Args:
            ahead: gives the parcel that is to be carried next, None if there is none; asked at most once, when it
                can go ahead.

        Raises:
            StoreError: its content cannot be read.

        *Cancel-safe:* yes: the session is aborted, the message may have been taken by the peer.
        """
        gone_ahead, self._gone_ahead, self._ahead = self._gone_ahead, None, ahead
        if gone_ahead is not None and self.has_gone_ahead:
            assert gone_ahead.message is parcel.lease.message, "what went ahead is carried next"
            progress, is_open = gone_ahead, True
        elif reverse_paths.has_others(parcel, self._dispatch.leaves_as):
            return await self._carry_split(parcel)
        elif astray := self._astray(parcel):
            return await self._carry_astray(parcel, astray)
        elif (route := self._route_for(parcel)) is not self._route:
            attempt = await self._carry_apart(parcel, route)
            if not demands.may_relent(parcel.lease.message, attempt.outcomes):
                return attempt
            progress, is_open = Progress(parcel), self.is_open
        else:
            progress, is_open = Progress(parcel), self.is_open
        try:
            if is_open:
                await self._hand_over(progress, is_reused=True)
            if progress.open:
                await self._walk(progress)
            if progress.open and progress.is_unclean:
                await self._walk(progress)  # the first round found out that it must be encoded
        except BaseException:
            self._abort()
            raise
        return progress.attempt(_NOBODY_ASKED)

    # --- From host to host --------------------------------------------------------------

    async def _walk(self, progress: Progress) -> None:
        """Try the addresses of the plan, until nobody is left whom another host could help."""
        self._leave()
        plan = await self._dispatch.plan(self._route)
        if not isinstance(plan, Plan):
            progress.note_all(plan)
            return
        if (lack := demands.lack_of_plan(progress.message, self._route, plan)) is not None:
            progress.note_all(lack)
            return
        dispatch, route = self._dispatch, self._route
        without_tls: list[tuple[Host, Endpoint, SessionTerms, SessionFailed]] = []
        for host, endpoint in islice(dispatch.dead.in_order(plan), dispatch.settings.max_endpoints):
            terms = dispatch.terms(route, host, endpoint)
            error = await self._visit(progress, host, endpoint, terms)
            if not progress.open:
                return
            if isinstance(error, SessionFailed) and may_do_without_tls(terms, error, dispatch.settings):
                without_tls.append((host, endpoint, terms, error))
        # Only now: the next host with TLS is better than this one in the clear (RFC 7435 §3).
        for host, endpoint, terms, error in without_tls:
            dispatch.fell_back(route, host, error)
            await self._visit(progress, host, endpoint, plain(terms))
            if not progress.open:
                return

    async def _visit(
        self, progress: Progress, host: Host, endpoint: Endpoint, terms: SessionTerms
    ) -> SessionError | None:
        """Try one address; return why no session came about, if none did."""
        error = await self._open(progress, host, endpoint, terms)
        if error is None:
            await self._hand_over(progress, is_reused=False)
            if progress.open:
                self._leave()
        return error

    async def _open(
        self, progress: Progress, host: Host, endpoint: Endpoint, terms: SessionTerms
    ) -> SessionError | None:
        """Open a session; when none comes about, note why and return it."""
        dispatch = self._dispatch
        progress.host, progress.remote, progress.tls = host.name, str(endpoint), ""
        try:
            session = await dispatch.open(self._route, host, endpoint, terms)
        except SessionError as error:
            if error.stage is Stage.CONNECT:
                dispatch.dead.add(endpoint)
            outcome = demands.from_session_error(progress.message, self._route, error, host.name)
            progress.note_all(outcome, goes_on=outcome.blame is Blame.HOST)
            return error
        dispatch.dead.forget(endpoint)
        self._session, self._facts = session, (host.name, str(session.peer), str(session.tls or ""))
        self._opened_s = self._loop.time()
        return None

    # --- Over a session -----------------------------------------------------------------

    def _may_go_on(self, session: ClientSession) -> bool:
        return session.sent < self._most and self._loop.time() - self._opened_s < self._longest_s

    def _go_ahead(self) -> None:
        """Announce the next parcel, if there is one and it can be sent as it is."""
        ahead, session = self._ahead, self._session
        if ahead is None or session is None or not self._may_go_on(session) or (parcel := ahead()) is None:
            return
        self._ahead = None  # another host may ask again
        progress = Progress(parcel)
        fitted = as_it_is(progress.message, progress.content, session.extensions)
        if fitted is None or reverse_paths.has_others(parcel, self._dispatch.leaves_as):
            return
        if self._astray(parcel) or self._route_for(parcel) is not self._route:
            return
        if session.announce(
            fitted.envelope,
            fitted.source,
            recipients=progress.recipients,
            body=fitted.body,
            is_plain=fitted.is_plain,
        ):
            self._gone_ahead = progress

    async def _hand_over(self, progress: Progress, *, is_reused: bool) -> None:
        """Send to every open recipient over the session and note what came of it."""
        session = self._session
        assert session is not None
        progress.host, progress.remote, progress.tls = self._facts
        if demands.is_strict(progress.message):
            lack = demands.lack_of_session(self._route, session, progress.host)
            if lack is not None:
                progress.note_all(lack, goes_on=True)
                return
        host, extensions = progress.host, session.extensions
        if progress.message.envelope.deliver_by is not None:
            now_us = self._dispatch.clock.now_us() - progress.stepped_us
            late = demands.lack_of_time(progress.message, self._route, session, host, now_us)
            if late is not None:
                progress.note_all(late)
                return
        places = progress.open
        recipients = (
            progress.recipients
            if len(places) == len(progress.recipients)
            else tuple(progress.recipients[place] for place in places)
        )
        try:
            result = await self._send(progress, session, recipients)
        except SessionFailed as error:
            self._abort()
            if is_reused and is_stale(error):
                return
            self._note_failure(progress, error, host, extensions, len(places))
            return
        if isinstance(result, Reply):
            progress.note_all(Failed(Blame.MESSAGE, result, host))
            return
        if is_reused and was_dismissed(result):
            self._abort()
            return
        outcomes = self._outcomes(result.replies, result.stages, host, extensions)
        progress.note(outcomes, goes_on=is_hosts_fault)

    async def _send(
        self, progress: Progress, session: ClientSession, recipients: Sequence[Recipient]
    ) -> SendResult | Reply:
        """Send once the content fits; a Reply says why it cannot be made to fit."""
        if session.has_announced:
            return await session.send_announced(behind=self._go_ahead)
        message = demands.as_said_to(progress.message, session)
        fitted = as_it_is(message, progress.content, session.extensions) or await fit(
            message,
            progress.content,
            recipients,
            session.extensions,
            self._dispatch.clock.now_us() - progress.stepped_us,
        )
        if isinstance(fitted, Fit) and not progress.is_unclean:
            try:
                return await send(session, fitted, recipients, self._go_ahead)
            except LocalProtocolError as error:
                # A bare CR or LF, which never goes out as it is (A5).
                progress.is_unclean = True
                if not session.is_usable:  # found in the middle of a large message
                    raise SessionFailed(Stage.CONTENT, None, str(error)) from error
        if isinstance(fitted, Fit):
            fitted = await cleaned(fitted, session.extensions)
        return fitted if isinstance(fitted, Reply) else await send(session, fitted, recipients)

    def _outcomes(
        self,
        replies: Sequence[Reply | None],
        stages: Sequence[Stage],
        host: str,
        extensions: Extensions,
        lost: Deferred | None = None,
    ) -> list[Outcome]:
        return classify.from_replies(
            replies,
            stages,
            host,
            passed_dsn=extensions.has_dsn,
            passed_by="DELIVERBY" in extensions.keywords,
            is_final=self._route.lmtp,
            lost=lost,
        )

    def _note_failure(
        self, progress: Progress, error: SessionFailed, host: str, extensions: Extensions, count: int
    ) -> None:
        lost = classify.from_failure(error, host)
        replies = error.replies or (None,) * count
        stages = error.stages or (error.stage,) * count
        outcomes = self._outcomes(replies, stages, host, extensions, lost)
        is_over = classify.may_have_arrived(error)
        progress.note(outcomes, goes_on=lambda one: not is_over and is_hosts_fault(one))

    def _leave(self) -> None:
        """End the session in good order without waiting for the peer."""
        session, self._session = self._session, None
        if session is not None:
            session.leave()

    def _abort(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            session.abort()

    def _route_for(self, parcel: Parcel) -> Route:
        """Return the lane's route, or another where the sender asks for less or more than that gives."""
        message = parcel.lease.message
        if message.envelope.requiretls or message.is_tls_optional:
            return demands.route_for(message, self._route)
        return self._route

    async def _carry_apart(self, parcel: Parcel, route: Route) -> Attempt:
        """Carry by a session of its own, as the sender wants it: the lane's is for everybody."""
        carrier = SmtpCarrier(self._dispatch, route)
        try:
            return await carrier.carry(parcel)
        finally:
            await carrier.close()

    async def _carry_split(self, parcel: Parcel) -> Attempt:
        """Carry to the recipients of each reverse-path by a transaction of its own, over the same session."""
        outcomes: dict[int, Outcome] = {}
        attempt = Attempt(())
        message, dispatch = parcel.lease.message, self._dispatch
        for places, part in reverse_paths.split(parcel, dispatch.leaves_as):
            path = part.lease.message.envelope.reverse_path
            if path is not None and path != message.envelope.reverse_path:
                dispatch.rewritten(message, path)
            attempt = await self.carry(part)
            outcomes.update(zip(places, attempt.outcomes, strict=True))
        return in_order(outcomes, attempt)

    # --- When the settings have changed ---------------------------------------------------

    def _astray(self, parcel: Parcel) -> dict[str, tuple[Route, list[int]]]:
        """Group the recipients by route if some goes elsewhere by now; empty as long as none does."""
        item, recipients = parcel.lease.item, parcel.lease.message.envelope.recipients
        key, route_of = self._route.destination, self._dispatch.route
        if len(recipients) == 1 and route_of(recipients[0]).destination == key:
            return {}
        if all(route_of(recipients[one.index]).destination == key for one in item.pending):
            return {}
        groups: dict[str, tuple[Route, list[int]]] = {}
        for place, one in enumerate(item.pending):
            route = route_of(recipients[one.index])
            groups.setdefault(route.destination, (route, []))[1].append(place)
        return groups

    async def _carry_astray(self, parcel: Parcel, groups: dict[str, tuple[Route, list[int]]]) -> Attempt:
        """Carry each group by a session of its own: mail queued under a route that is no more."""
        outcomes: dict[int, Outcome] = {}
        attempt = Attempt(())
        for route, places in groups.values():
            carrier = self._dispatch.carrier_for(route)
            try:
                attempt = await carrier.carry(part_of(parcel, places))
            finally:
                await carrier.close()
            outcomes.update(zip(places, attempt.outcomes, strict=True))
        return in_order(outcomes, attempt)


def in_order(outcomes: dict[int, Outcome], last: Attempt) -> Attempt:
    """Return one attempt for several: *outcomes* by place; *last* tells whom we talked to last."""
    ordered = tuple(outcomes[place] for place in sorted(outcomes))
    return Attempt(ordered, last.host, last.remote, last.tls)


def send(
    session: ClientSession,
    fitted: Fit,
    recipients: Sequence[Recipient],
    behind: Callable[[], None] | None = None,
) -> Awaitable[SendResult]:
    """Send *fitted* over *session*."""
    return session.send(
        fitted.envelope,
        fitted.source,
        recipients=recipients,
        body=fitted.body,
        is_plain=fitted.is_plain,
        behind=behind,
    )


def is_hosts_fault(outcome: Outcome) -> bool:
    """Tell whether another host may do better."""
    return not isinstance(outcome, Delivered) and outcome.blame is Blame.HOST


def is_stale(error: SessionFailed) -> bool:
    """Tell whether a kept session was gone before it was used: nothing of this message was answered."""
    return error.stage is Stage.MAIL and all(reply is None for reply in error.replies)


def was_dismissed(result: SendResult) -> bool:
    """Tell whether a kept session was ended by the peer in place of an answer to MAIL (RFC 5321 §3.8)."""
    return result.stages[0] is Stage.MAIL and result.replies[0].code == 421

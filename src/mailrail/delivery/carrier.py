"""Floor 4 · delivery — a lane's hands: one message at a time over one session, kept for the next.

A try walks the addresses of the plan until every recipient has an answer that no other host could
change. Three things are not failures of the peer and are mended within the try, once: a session that
was closed while it rested, content that must be encoded for this hop, and TLS handshakes that fail
where TLS is only wished for, when no other host is left. A session that went wrong in any way is never used again.

The parcel to come next may go *ahead*: its envelope leaves behind the content of the one before (`ClientSession.announce`).
It is carried next in any case; when the session has ended meanwhile, as if nothing had been.

There are two roads. Nearly every parcel is for one recipient, in memory, fits the session at hand as it is, and is taken: it goes by the
short one (`try_begin`, `attempt`), which is call-backs and makes nothing that such a parcel does not need. `carry` is the long one, for all else and
for whatever does not end well on the short one: it takes over where that stands. A carrier that failed by a fault of ours is closed.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from itertools import islice
from typing import Final

from mailrail.client import ClientSession, SendResult, SessionError, SessionFailed, SessionTerms
from mailrail.delivery import classify, demands, reverse_paths
from mailrail.delivery.dispatch import Dispatch
from mailrail.delivery.fallback import may_do_without_tls, plain
from mailrail.delivery.fit import Fit, as_it_is, body_as_it_is, cleaned, fit
from mailrail.delivery.parcel import Parcel, Progress, by_route, in_order, part_of, pending_of
from mailrail.model import (
    Attempt,
    Blame,
    Deferred,
    Failed,
    LocalProtocolError,
    Outcome,
    Recipient,
    Reply,
)
from mailrail.model import reply as say
from mailrail.net import Endpoint
from mailrail.routing import Host, Plan, Route
from mailrail.smtp import Stage

_NOBODY_ASKED: Final = Deferred(Blame.HOST, say.NO_HOST_ANSWERS)


class SmtpCarrier:
    """Carries by SMTP or LMTP to one destination (the queue's Carrier)."""

    def __init__(self, dispatch: Dispatch, route: Route) -> None:
        self._dispatch = dispatch
        self._route = route
        self._loop = asyncio.get_running_loop()
        self._most = dispatch.settings.session_messages
        self._session: ClientSession | None = None
        self._until_s = 0.0  # no message is begun over it from then on
        self._domain: str | None = None  # found to go here; nearly always the next recipient has the same
        self._facts = ("", "", "")  # of the session: the host's name, its address, TLS
        self._ahead: Callable[[], Parcel | None] | None = None
        self._gone_ahead: Parcel | None = None  # whose envelope the session has announced
        self._begun: Parcel | None = None  # by the short road
        self._unfinished: Progress | None = None  # what did not end there
        self._fault: Exception | None = None  # of ours, met by what was to go ahead; told in its turn

    @property
    def is_open(self) -> bool:
        """Tell whether a session stands ready for the next message."""
        session = self._session
        return session is not None and self._fault is None and self._may_begin(session)

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

    # --- The short road -----------------------------------------------------------------

    def try_begin(
        self, parcel: Parcel, ahead: Callable[[], Parcel | None] | None, came: Callable[[], None]
    ) -> bool:
        """Begin to try *parcel* over the session at hand, if all is as it nearly always is.

        Args:
            ahead: as for `carry`.
            came: called once, from the loop: now ask `attempt`.

        Returns:
            False: `carry` it.
        """
        session = self._session
        if self._fault is not None:
            raise self._fault
        if session is None or len(parcel.lease.item.pending) != 1:
            return False
        if session.has_announced:
            gone_ahead, self._gone_ahead = self._gone_ahead, None  # the next may go ahead at once
            assert gone_ahead is not None
            assert gone_ahead.lease is parcel.lease, "what went ahead is carried next"
        elif not (self._may_begin(session) and self._announce(parcel, session)):
            return False
        self._ahead = ahead
        if not session.start_announced(came, behind=self._go_ahead):
            self._gone_ahead = parcel
            return False
        self._begun = parcel
        return True

    def attempt(self) -> Attempt | None:
        """Return what came of the parcel that `try_begin` began; None: it is not over, `carry` it."""
        parcel, session = self._begun, self._session
        assert parcel is not None
        assert session is not None
        self._begun = None
        result: SendResult | SessionFailed
        try:
            result = session.ended()
            reply = result.replies[0]
            if reply.code < 400:
                host, remote, tls = self._facts
                taken = classify.taken(reply, host, session.extensions, self._route.lmtp)
                return Attempt((taken,), host, remote, tls)
        except SessionFailed as error:
            result = error
        progress = Progress(parcel)
        progress.host, progress.remote, progress.tls = self._facts
        self._note(progress, session, result, is_reused=True)
        if not progress.open:
            return progress.attempt(_NOBODY_ASKED)
        self._unfinished = progress
        return None

    def _announce(self, parcel: Parcel, session: ClientSession) -> bool:
        """Send the envelope of *parcel* over *session*, if all of it can go there, as it is."""
        message = parcel.lease.message
        body = body_as_it_is(message, session.extensions)  # None for what asks more of the route
        if body is None or (message.is_tls_optional and self._route_for(parcel) is not self._route):
            return False
        recipients, dispatch = pending_of(parcel), self._dispatch
        if reverse_paths.has_others(message, recipients, dispatch.leaves_as) or self._is_astray(recipients):
            return False
        return session.announce(
            message.envelope, parcel.content, recipients=recipients, body=body, is_plain=message.is_plain
        )

    # --- The long road ------------------------------------------------------------------

    async def carry(self, parcel: Parcel, ahead: Callable[[], Parcel | None] | None = None) -> Attempt:
        """Try *parcel* once, or to its end what `try_begin` began.

        Args:
            ahead: gives the parcel that is to be carried next, None if there is none; asked at most once, when it
                can go ahead.

        Raises:
            StoreError: its content cannot be read.

        *Cancel-safe:* yes: the session is aborted, the message may have been taken by the peer.
        """
        if self._fault is not None and self._unfinished is None:
            raise self._fault
        unfinished, self._unfinished = self._unfinished, None
        if unfinished is not None:  # *ahead* was asked there, if at all
            return await self._finish(unfinished, is_open=False)
        gone_ahead, self._gone_ahead, self._ahead = self._gone_ahead, None, ahead
        if gone_ahead is not None and self.has_gone_ahead:
            assert gone_ahead.lease is parcel.lease, "what went ahead is carried next"
            return await self._finish(Progress(parcel), is_open=True)
        recipients = pending_of(parcel)
        if reverse_paths.has_others(parcel.lease.message, recipients, self._dispatch.leaves_as):
            return await self._carry_split(parcel)
        if self._is_astray(recipients):
            return await self._carry_astray(parcel, recipients)
        if (route := self._route_for(parcel)) is not self._route:
            attempt = await self._carry_apart(parcel, route)
            if not demands.may_relent(parcel.lease.message, attempt.outcomes):
                return attempt
        return await self._finish(Progress(parcel), is_open=self.is_open)

    async def _finish(self, progress: Progress, *, is_open: bool) -> Attempt:
        """Try until nobody is left whom another host could help, over the session at hand first if it *is_open*."""
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
        self._until_s = self._loop.time() + dispatch.settings.session_s
        return None

    # --- Over a session -----------------------------------------------------------------

    def _may_begin(self, session: ClientSession) -> bool:
        return session.is_usable and session.sent < self._most and self._loop.time() < self._until_s

    def _go_ahead(self) -> None:
        """Announce the next parcel, if there is one and it can be sent as it is."""
        ahead, session = self._ahead, self._session
        if ahead is None or session is None or session.sent >= self._most or session.now_s >= self._until_s:
            return
        if (parcel := ahead()) is None:
            return
        self._ahead = None  # another host may ask again
        try:
            if self._announce(parcel, session):
                self._gone_ahead = parcel
        except Exception as error:  # of that parcel, whose turn is to come; here another is on its way
            self._fault = error

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
        if progress.message.envelope.deliver_by is not None:
            now_us = self._dispatch.clock.now_us() - progress.stepped_us
            late = demands.lack_of_time(progress.message, self._route, session, progress.host, now_us)
            if late is not None:
                progress.note_all(late)
                return
        places = progress.open
        recipients = (
            progress.recipients
            if len(places) == len(progress.recipients)
            else tuple(progress.recipients[place] for place in places)
        )
        result: SendResult | SessionFailed | Reply
        try:
            result = await self._send(progress, session, recipients)
        except SessionFailed as error:
            result = error
        if isinstance(result, Reply):
            progress.note_all(Failed(Blame.MESSAGE, result, progress.host))
        else:
            self._note(progress, session, result, is_reused=is_reused)

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

    def _note(
        self,
        progress: Progress,
        session: ClientSession,
        result: SendResult | SessionFailed,
        *,
        is_reused: bool,
    ) -> None:
        """Note what became of every open recipient over *session*; nothing, if that was gone before it was used."""
        if isinstance(result, SessionFailed):
            self._abort()
            if not (is_reused and classify.is_stale(result)):
                self._note_failure(progress, session, result)
        elif is_reused and classify.was_dismissed(result):
            self._abort()
        else:
            outcomes = classify.from_replies(
                result.replies, result.stages, progress.host, session.extensions, is_final=self._route.lmtp
            )
            progress.note(outcomes, goes_on=classify.is_hosts_fault)

    def _note_failure(self, progress: Progress, session: ClientSession, error: SessionFailed) -> None:
        lost = classify.from_failure(error, progress.host)
        count = len(progress.open)
        outcomes = classify.from_replies(
            error.replies or (None,) * count,
            error.stages or (error.stage,) * count,
            progress.host,
            session.extensions,
            is_final=self._route.lmtp,
            lost=lost,
        )
        is_over = classify.may_have_arrived(error)
        progress.note(outcomes, goes_on=lambda one: not is_over and classify.is_hosts_fault(one))

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

    def _is_astray(self, recipients: Sequence[Recipient]) -> bool:
        """Tell whether some of *recipients* goes elsewhere by now."""
        for recipient in recipients:
            domain, target = recipient.forward_path.domain, recipient.target
            if target or domain != self._domain:
                if self._dispatch.route(recipient).destination != self._route.destination:
                    return True
                self._domain = None if target else domain
        return False

    async def _carry_astray(self, parcel: Parcel, recipients: Sequence[Recipient]) -> Attempt:
        """Carry those of each route by a session of their own: mail queued under a route that is no more."""
        outcomes: dict[int, Outcome] = {}
        attempt = Attempt(())
        for route, places in by_route(recipients, self._dispatch.route):
            carrier = self._dispatch.carrier_for(route)
            try:
                attempt = await carrier.carry(part_of(parcel, places))
            finally:
                await carrier.close()
            outcomes.update(zip(places, attempt.outcomes, strict=True))
        return in_order(outcomes, attempt)


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

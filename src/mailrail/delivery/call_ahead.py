"""Floor 4 · delivery — asks the next hop of a domain whether it takes mail for an address, as if a notice were to be sent there.

MAIL FROM:<>, RCPT, QUIT: content is never sent. Only a "no" to the recipient himself is one. A hop that does not want us,
our null sender, or anything now, has said nothing about the address.
"""

from itertools import islice

from mailrail.addresses import NotKnownNowError
from mailrail.client import SessionError, SessionFailed, SessionTerms
from mailrail.delivery import classify
from mailrail.delivery.dispatch import Dispatch
from mailrail.delivery.events import AddressAsked
from mailrail.delivery.fallback import may_do_without_tls, plain
from mailrail.model import Address, Envelope, Failed, Recipient, Reply
from mailrail.model import reply as say
from mailrail.net import Endpoint
from mailrail.observe import Bus
from mailrail.routing import Host, Plan, Route
from mailrail.smtp import Stage

# RFC 3463 §3.4, §3.6, §3.8: the system's trouble, the protocol's, and what the hop thinks of us.
_ABOUT_US = ("5.3.", "5.5.", "5.7.")


class CallAhead:
    """Asks by sessions of its own (`addresses.NextHop`)."""

    def __init__(self, dispatch: Dispatch, bus: Bus) -> None:
        self._dispatch = dispatch
        self._bus = bus

    async def takes(self, address: Address) -> bool:
        """Tell whether the next hop of *address* takes mail for it.

        Raises:
            NotKnownNowError: it did not say.

        *Cancel-safe:* yes: the session is aborted.
        """
        dispatch = self._dispatch
        route = dispatch.route(Recipient(address))
        if route.agent:  # nobody else knows better than our own settings
            return True
        plan = await dispatch.plan(route)
        if not isinstance(plan, Plan):
            raise _not_known(address, str(plan.reply))
        trouble = "it has no host"
        waiting = [
            (host, endpoint, dispatch.terms(route, host, endpoint))
            for host, endpoint in islice(dispatch.dead.in_order(plan), dispatch.settings.max_endpoints)
        ]
        while waiting:
            host, endpoint, terms = waiting.pop(0)
            try:
                return await self._ask(address, route, host, endpoint, terms)
            except SessionError as error:
                trouble = f"{host.name}: {error}"
                if error.stage is Stage.CONNECT:
                    dispatch.dead.add(endpoint)
                elif isinstance(error, SessionFailed) and may_do_without_tls(terms, error, dispatch.settings):
                    dispatch.fell_back(route, host, error)
                    waiting.append((host, endpoint, plain(terms)))
        raise _not_known(address, trouble)

    async def _ask(
        self, address: Address, route: Route, host: Host, endpoint: Endpoint, terms: SessionTerms
    ) -> bool:
        session = await self._dispatch.open(route, host, endpoint, terms)
        try:
            if address.needs_smtputf8 and not session.extensions.has_smtputf8:
                return self._answer(address, route, host.name, say.NEXT_HOP_NO_SMTPUTF8, Stage.RCPT)
            question = Envelope(None, (Recipient(address),), smtputf8=address.needs_smtputf8)
            result = await session.ask(question)
        finally:
            session.leave()
        return self._answer(address, route, host.name, result.replies[0], result.stages[0])

    def _answer(self, address: Address, route: Route, host: str, reply: Reply, stage: Stage) -> bool:
        is_taken = reply.is_positive
        if not is_taken:
            outcome = classify.from_reply(reply, stage, host)
            is_no = isinstance(outcome, Failed) and stage is Stage.RCPT
            if not is_no or reply.enhanced_code.startswith(_ABOUT_US):
                raise _not_known(address, f"{host} said to {stage.value}: {reply}")
        self._bus.emit(
            AddressAsked(
                destination=route.destination,
                address=str(address),
                host=host,
                is_taken=is_taken,
                reply=str(reply),
            )
        )
        return is_taken


def _not_known(address: Address, trouble: str) -> NotKnownNowError:
    return NotKnownNowError(
        f"the next hop cannot be asked about {address}: {trouble}", say.NEXT_HOP_NOT_ASKED
    )

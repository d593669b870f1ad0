"""Floor 4 · delivery — what a sender demands of every hop: REQUIRETLS, TLS-Required: No, DELIVERBY. Pure.

REQUIRETLS (RFC 8689 §4.2.1): a hop gets the message under TLS only, with a certificate that is good for a name which nobody could forge,
and only if it promises the same. A hop on this machine is where the message leaves SMTP: nobody is between. When no host of a
domain will do, the message goes back at once: waiting changes nobody's software. A bounce (null reverse-path) is tried like that first, and then by
any hop and without it (§5): better that its reader learns what happened.

TLS-Required: No (RFC 8689 §3) puts arriving above protection. It sets aside what the settings ask of TLS with the hosts of strangers;
not where they name authorities or a login: then TLS protects more than this message.

DELIVERBY in mode R (RFC 2852 §4.1.4.1): a hop gets the message only if it promises to deliver it in the time that is left, or to return it. A
mailbox (LMTP) need not: what it has taken is delivered. One host that lacks it is enough, for §7 wants no search among the others.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from mailrail.client import ClientSession, SessionError, SessionFailed, SessionRefused
from mailrail.delivery import classify
from mailrail.model import Blame, Deferred, Failed, Message, NetTrouble, Outcome, Reply, TlsLevel
from mailrail.model import reply as say
from mailrail.net import is_here
from mailrail.routing import Plan, Route
from mailrail.smtp import Stage

_NO_TLS: Final = say.TLS_NOT_POSSIBLE.enhanced_code


def is_strict(message: Message) -> bool:
    """Tell whether *message* must not go at all where REQUIRETLS cannot be kept."""
    return message.envelope.requiretls and message.envelope.reverse_path is not None


def may_relent(message: Message, outcomes: Sequence[Outcome]) -> bool:
    """Tell whether a bounce with REQUIRETLS that met no verified TLS is now to go without it (RFC 8689 §5)."""
    if not message.envelope.requiretls or is_strict(message):
        return False
    return all(isinstance(one, Deferred) and one.reply.enhanced_code == _NO_TLS for one in outcomes)


def as_said_to(message: Message, session: ClientSession) -> Message:
    """Return *message* without REQUIRETLS where a session is not fit to say it (RFC 8689 §2)."""
    if not message.envelope.requiretls or (session.tls is not None and session.tls.verified):
        return message
    return replace(message, envelope=replace(message.envelope, requiretls=False))


def route_for(message: Message, route: Route) -> Route:
    """Return *route* with the TLS that the sender of *message* wants; the same object if it has that already."""
    if message.envelope.requiretls:
        return (
            route
            if route.tls is TlsLevel.VERIFY or is_here(route.host)
            else replace(route, tls=TlsLevel.VERIFY)
        )
    is_demanding = route.tls in (TlsLevel.ENCRYPT, TlsLevel.VERIFY) and not route.implicit_tls
    if message.is_tls_optional and is_demanding and route.login is None and route.tls_files is None:
        return replace(route, tls=TlsLevel.MAY)
    return route


def lack_of_plan(message: Message, route: Route, plan: Plan) -> Failed | None:
    """Return why no host of *plan* will do for *message*: somebody could have put a host of his own there."""
    if not is_strict(message) or plan.is_authentic or is_here(route.host):
        return None
    return _needed(f"the mail hosts of {route.domain} are not vouched for by DNSSEC", "")


def lack_of_session(route: Route, session: ClientSession, host: str) -> Failed | None:
    """Return why a message with REQUIRETLS must not go over *session*, or None."""
    if is_here(route.host):
        return None
    if session.tls is None or not session.tls.verified:
        return Failed(Blame.HOST, say.ENCRYPTION_NEEDED, host)
    if not session.extensions.has_requiretls:
        return _needed("it does not offer REQUIRETLS", host)
    return None


def lack_of_time(
    message: Message, route: Route, session: ClientSession, host: str, now_us: int
) -> Failed | None:
    """Return why a message that is to be delivered in time or returned must not go over *session*, or None; *now_us* is that of `fit`."""
    by = message.envelope.deliver_by
    if by is None or not by.returns:
        return None
    by, offered = by.after(now_us - message.arrived_us), session.extensions
    if by.is_over:
        return Failed(Blame.MESSAGE, say.EXPIRED, host)
    if "DELIVERBY" not in offered.keywords:
        return (
            None
            if route.lmtp
            else Failed(Blame.MESSAGE, _add(say.DELIVERBY_NEEDED, "it offers no DELIVERBY"), host)
        )
    if by.by_s < offered.deliver_by_s:
        words = f"{by.by_s} s are left, and it wants {offered.deliver_by_s}"
        return Failed(Blame.MESSAGE, _add(say.DELIVERBY_NEEDED, words), host)
    return None


def from_session_error(message: Message, route: Route, error: SessionError, host: str) -> Deferred | Failed:
    """Return what it means for *message* that no session came about, see `classify`."""
    outcome = classify.from_session_error(error, host)
    if is_strict(message) and not is_here(route.host) and _cannot_do_tls(error):
        return Failed(Blame.HOST, _add(say.ENCRYPTION_NEEDED, str(error)), host)
    return outcome


def _cannot_do_tls(error: SessionError) -> bool:
    """Tell whether the host will not do better later: no STARTTLS, or a handshake that one side rejects."""
    if error.stage is not Stage.TLS:
        return False
    if isinstance(error, SessionRefused):
        return error.reply.is_permanent or error.reply is say.TLS_NOT_POSSIBLE
    return isinstance(error, SessionFailed) and error.trouble is NetTrouble.TLS


def _needed(words: str, host: str) -> Failed:
    return Failed(Blame.HOST, _add(say.REQUIRETLS_NEEDED, words), host)


def _add(reply: Reply, words: str) -> Reply:
    return reply.with_text(f"{reply.text}: {words}")

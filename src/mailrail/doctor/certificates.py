"""Floor 5 · doctor — the certificates of our listeners, and whether they come through."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from mailrail.client import ClientSession, ClientSettings, SessionError, SessionTerms
from mailrail.config import ClientCertificate, ListenerSettings, Role
from mailrail.daemon import acme_file
from mailrail.doctor.api import Finding, Site, error, good, note, warning
from mailrail.model import SECOND_US, SettingsError, TlsLevel, utc
from mailrail.net import CertificateFacts, Endpoint, certificate_facts, client_context

_SOON_US = 14 * 86_400 * SECOND_US  # as the server warns
_ACME = "or let [acme] fetch one"
PATIENCE = ClientSettings(
    connect_s=10, greeting_s=20, hello_s=20, tls_s=20, auth_s=20, mail_s=20, rcpt_s=20, quit_s=2
)  # somebody waits for the answer, and a server that pauses longer before its greeting loses mail elsewhere too
_LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 -- compared, not bound


async def certificate(site: Site) -> Sequence[Finding]:
    """Are the certificates in time, and for our name? (That keys fit is checked with the settings.)"""
    tls = site.settings.tls
    files = [one.chain for one in tls.certificate]
    if site.settings.acme.is_on:
        fetched = acme_file(site.settings)
        if fetched.exists():
            files.append(fetched)
        else:
            return [*(_each(site, files) if files else ()), _not_fetched(site, fetched)]
    if files:
        return _each(site, files)
    if tls.self_signed:
        return [
            note(
                "the certificate is a self-signed one that the server makes",
                "other servers take it, but mail programs of people will complain",
                f"name a better one by [[tls.certificate]], {_ACME}",
            )
        ]
    return [
        warning(
            "TLS is not offered: there is no certificate, and tls.self_signed is false",
            "all mail comes in readable for everybody on the way",
            f"name a certificate by [[tls.certificate]], {_ACME}, or leave out tls.self_signed = false",
        )
    ]


def _not_fetched(site: Site, file: Path) -> Finding:
    mend = (
        "see the log for AcmeFailed, then: mailrail certificate renew" if site.status else "start the server"
    )
    return warning(f"no certificate is in {file} yet", "it is fetched by ACME while the server runs", mend)


def _each(site: Site, files: Iterable[Path]) -> list[Finding]:
    found, findings = [], []
    for file in files:
        try:
            found.append(certificate_facts(file))
        except SettingsError as trouble:
            findings.append(
                error(f"{file} cannot be used", str(trouble), "name a PEM file with the certificate")
            )
    for facts in found:
        findings += _dates(facts, site.clock.now_us())
    name = site.settings.hostname
    covering = [facts for facts in found if covers(facts.names, name)]
    if found and not covering:
        names = ", ".join(sorted({each for facts in found for each in facts.names})) or "no name at all"
        findings.append(
            warning(
                f"no certificate is for {name}, only for {names}",
                "servers that verify (MTA-STS, a route with tls = verify) will not send to this one",
                f"get one for {name}",
            )
        )
    return findings or [
        good(f"the certificate for {name} is good until {day(min(one.ends_us for one in found))}")
    ]


def _dates(facts: CertificateFacts, now_us: int) -> Iterable[Finding]:
    if facts.ends_us <= now_us:
        yield error(
            f"{facts.file} ended on {day(facts.ends_us)}", "clients that verify refuse it", "renew it"
        )
    elif facts.begins_us > now_us:
        yield error(
            f"{facts.file} begins only on {day(facts.begins_us)}",
            "clients that verify refuse it",
            "wait, or set the clock",
        )
    elif facts.ends_us - now_us < _SOON_US:
        yield warning(
            f"{facts.file} ends on {day(facts.ends_us)}",
            "clients that verify refuse it from then on",
            "renew it; the server takes the new file by itself",
        )
    if facts.is_self_signed:
        yield note(
            f"{facts.file} is self-signed",
            "only who was given it can verify it",
            f"get one from an authority, {_ACME}",
        )


def covers(names: Iterable[str], hostname: str) -> bool:
    """Tell whether a certificate for *names* is for *hostname*; a wildcard is one whole label (RFC 9525 §6.3)."""
    return not {hostname, "*." + hostname.partition(".")[2]}.isdisjoint(names)


def day(moment_us: int) -> str:
    """Return the day of *moment_us*, UTC."""
    return f"{utc(moment_us):%Y-%m-%d}"


async def tls(site: Site) -> Sequence[Finding]:
    """Does TLS come up at each listener that should have it?"""
    if site.status is None:
        return [note("not checked: no server answers")]
    if not site.status.certificates:
        return [note("not checked: TLS is not offered")]
    if len({one.certificates for one in site.status.workers if not one.is_leftover}) > 1:
        unlike = warning(
            "the workers do not show the same certificates",
            "what a client sees depends on which of them it meets",
            "mailrail reload; if that does not help, the log says by CertificatesRefused what one of them lacks",
        )
        return [
            unlike,
            *[await _tls(site, one) for one in site.settings.listener if one.role is not Role.LMTP],
        ]
    return [await _tls(site, one) for one in site.settings.listener if one.role is not Role.LMTP] or [
        note("not checked: no listener has TLS")
    ]


async def _tls(site: Site, listener: ListenerSettings) -> Finding:
    endpoint = reachable(listener.endpoint)
    if listener.proxies is not None:
        return note(f"not checked at {endpoint}: only its proxies are let in")
    if listener.client_certificate is ClientCertificate.REQUIRE:
        return note(f"not checked at {endpoint}: it wants a client certificate")
    terms = SessionTerms(
        hello_name=site.settings.hostname,
        tls=TlsLevel.ENCRYPT,
        implicit_tls=listener.implicit_tls,
        context=client_context(verify=False),
        server_name=site.settings.hostname,
    )
    try:
        session = await ClientSession.open(site.network, endpoint, terms, PATIENCE)
    except SessionError as trouble:
        how = "TLS from the first byte" if listener.implicit_tls else "STARTTLS"
        return error(
            f"{how} fails at {endpoint}",
            str(trouble),
            "restart the server if it runs with older settings; else its log says why",
        )
    words = str(session.tls)
    await session.close()
    return good(f"{words} at {endpoint}")


def reachable(endpoint: Endpoint) -> Endpoint:
    """Return where somebody on this machine reaches a listener."""
    return Endpoint(_LOOPBACK.get(endpoint.host, endpoint.host), endpoint.port)

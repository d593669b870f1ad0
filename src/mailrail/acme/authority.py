"""Floor 3 · acme — a real authority, by Certbot's `acme` library: the only file that knows it.

Everything here blocks, and is called in a thread. A client is made for each order: there are a few in a year, and
nothing then lasts that could go stale. The account is its key, kept for good: whoever shows it again gets the same
account (RFC 8555 §7.3.1).
"""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import requests
from acme import client, errors, messages
from acme.challenges import HTTP01Response
from acme.errors import TimeoutError  # noqa: A004 -- the library's own
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from josepy.b64 import b64encode
from josepy.errors import Error as JoseError
from josepy.jwa import ES256
from josepy.jwk import JWK, JWKEC

from mailrail.acme.api import AcmeError, Challenge, Order
from mailrail.acme.settings import AcmeSettings
from mailrail.net import write_private

_ANSWER_S: Final = 15  # ours; for one request, and the longest that one can hold up the end of the daemon
_LOOK_S: Final = 3
_FOREIGN: Final = (errors.Error, JoseError, requests.RequestException, ValueError, OSError)


class AcmeAuthority:
    """Signs by ACME.

    Args:
        settings: whom to ask, and in whose name.
        account: file of the account's key; made when it is not there.
    """

    def __init__(self, settings: AcmeSettings, account: Path) -> None:
        self._settings = settings
        self._account = account

    def order(self, csr_pem: bytes, kind: str) -> Order:
        """Ask for a certificate, see `Authority.order`."""
        try:
            acme = self._client()
            wanted = acme.new_order(csr_pem)
            chosen = [_choose(one, kind) for one in wanted.authorizations if not _is_proven(one)]
        except _FOREIGN as error:
            raise AcmeError(f"the order at {self._settings.directory_url} failed: {_words(error)}") from error
        key = acme.net.key
        return Order(tuple(_challenge(name, body, key) for name, body in chosen), (acme, wanted, chosen))

    def answer(self, order: Order) -> None:
        """Say that all is shown, see `Authority.answer`."""
        acme, _, chosen = order.handle
        try:
            for (_, body), challenge in zip(chosen, order.challenges, strict=True):
                # Every kind is answered by an empty object (RFC 8555 §7.5.1).
                acme.answer_challenge(body, HTTP01Response(key_authorization=challenge.key_authorization))
        except _FOREIGN as error:
            raise AcmeError(f"{self._settings.directory_url} did not hear us: {_words(error)}") from error

    def look(self, order: Order) -> bytes | None:
        """Return the chain if it is there, see `Authority.look`."""
        acme, wanted, _ = order.handle
        # The library waits by the machine's local time; this is long enough for one look at each step.
        deadline = datetime.now() + timedelta(seconds=_LOOK_S)  # noqa: DTZ005, TID251
        try:
            return str(acme.poll_and_finalize(wanted, deadline).fullchain_pem).encode()
        except TimeoutError:
            return None
        except _FOREIGN as error:
            raise AcmeError(f"{self._settings.directory_url} does not sign: {_words(error)}") from error

    def _client(self) -> client.ClientV2:
        settings = self._settings
        network = client.ClientNetwork(
            self._key(),
            alg=ES256,
            # A path is what `requests` makes of it; the library's annotation knows true and false only.
            verify_ssl=str(settings.directory_ca) if settings.directory_ca else True,  # type: ignore[arg-type]
            user_agent="mailrail",
            timeout=_ANSWER_S,
        )
        acme = client.ClientV2(client.ClientV2.get_directory(settings.directory_url, network), network)
        contact = tuple(f"mailto:{address}" for address in settings.contact)
        wish = messages.NewRegistration(contact=contact, terms_of_service_agreed=settings.agree_to_terms)
        try:
            acme.new_account(wish)
        except errors.ConflictError as known:  # it is ours already
            network.account = messages.RegistrationResource(body=wish, uri=known.location)
        return acme

    def _key(self) -> JWKEC:
        try:
            pem = self._account.read_bytes()
        except FileNotFoundError:
            key = ec.generate_private_key(ec.SECP256R1())
            pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            write_private(self._account, pem)
        return JWKEC(key=load_pem_private_key(pem, None))


def _is_proven(authorization: messages.AuthorizationResource) -> bool:
    return bool(authorization.body.status == messages.STATUS_VALID)


def _choose(authorization: messages.AuthorizationResource, kind: str) -> tuple[str, messages.ChallengeBody]:
    """Return the name to be proven and the challenge of *kind* for it."""
    name = authorization.body.identifier.value
    domain = f"*.{name}" if authorization.body.wildcard else name
    for body in authorization.body.challenges:
        if _fields(body).get("type") == kind:
            return domain, body
    offered = ", ".join(str(_fields(body).get("type")) for body in authorization.body.challenges)
    raise AcmeError(f"{kind} is not offered for {domain}; there are: {offered}")


def _fields(body: messages.ChallengeBody) -> dict[str, Any]:
    """Return a challenge as it came: the library has no class for tls-alpn-01."""
    return dict(body.chall.to_json())


def _challenge(domain: str, body: messages.ChallengeBody, key: JWK | None) -> Challenge:
    assert key is not None
    token = str(_fields(body)["token"])
    thumbprint = b64encode(key.thumbprint()).decode()
    return Challenge(domain, token, f"{token}.{thumbprint}")  # RFC 8555 §8.1


def _words(error: Exception) -> str:
    """Say what the authority found; the text of a refused proof is hidden deep in the error."""
    if isinstance(error, errors.ValidationError):
        found = [
            f"{one.body.identifier.value}: {body.error.detail}"
            for one in error.failed_authzrs
            for body in one.body.challenges
            if body.error is not None
        ]
        return "; ".join(found) or "a proof was not accepted"
    return str(error) or type(error).__name__

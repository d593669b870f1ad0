"""Floor 3 · directory — from the settings to who knows whose a token is."""

from mailrail.directory.claims import Terms
from mailrail.directory.settings import OAuthSettings, UsersSettings
from mailrail.directory.tokens import IntrospectedTokens, KeySet, SignedTokens, Tokens, basic_authorization
from mailrail.model import Clock
from mailrail.net import client_context
from mailrail.tables import HttpFetcher, Pool, Request, read_secret


def open_tokens(users: UsersSettings, clock: Clock) -> Tokens:
    """Return who knows whose a token is, by *users*, which must have `oauth`. Blocks; asks nobody yet.

    Raises:
        SettingsError: a file cannot be used.
    """
    settings = users.oauth
    # Threads of its own: an issuer that is slow keeps nobody from logging in by password.
    pool = Pool(users.threads, users.waiting, name="issuer")
    fetcher = HttpFetcher(pool, client_context(verify=True, ca_file=settings.ca_file), settings.timeout_s)
    if settings.keys_url:
        return SignedTokens(KeySet(settings.keys_url, fetcher), _terms(settings), clock)
    assert settings.client_secret_file is not None, "OAuthSettings is not whole"
    secret = read_secret(settings.client_secret_file, "client_secret_file")
    ask = Request(settings.introspection_url, authorization=basic_authorization(settings.client_id, secret))
    return IntrospectedTokens(ask, fetcher, _terms(settings), clock)


def _terms(settings: OAuthSettings) -> Terms:
    return Terms(
        issuer=settings.issuer,
        audience=settings.audience,
        scope=settings.scope,
        user_claim=settings.user_claim,
        leeway_s=settings.leeway_s,
        must_expire=bool(settings.keys_url),
    )

"""Floor 1 · sasl — the server's side of OAUTHBEARER (RFC 7628) and of XOAUTH2, Google's older form of it.

Both bring a bearer token in one message of `key=value` pairs, each closed by ^A, and both tell a failure
by a last challenge in JSON that the client answers with anything.
"""

import json
import re
from typing import Final

from mailrail.sasl.grammar import GrammarError, checked_name, parse_gs2, text_of
from mailrail.sasl.precis import username_case_preserved
from mailrail.sasl.server import settled
from mailrail.sasl.steps import CheckToken, Failure, Step, Told

_CLOSE: Final = "\x01"
# RFC 7628 §3.1: a value is printable, or white space.
_PAIR: Final = re.compile(r"([A-Za-z]+)=([\x20-\x7e\t\r\n]*)", re.ASCII)
# RFC 6750 §2.1; RFC 9110 §11.1: the scheme in any case.
_BEARER: Final = re.compile(r"bearer ([A-Za-z0-9._~+/-]+=*)", re.ASCII | re.IGNORECASE)


class OAuthBearerServer:
    """OAUTHBEARER: `n,a=user,^Ahost=...^Aport=...^Aauth=Bearer token^A^A` (RFC 7628 §3.1)."""

    name = "OAUTHBEARER"
    prompt = b""

    def take(self, response: bytes) -> Step:
        """Ask about the token."""
        header, rest = parse_gs2(text_of(response))
        if header.flag == "p":
            raise GrammarError("there is no channel binding here (RFC 7628 §3)")
        if not rest.startswith(_CLOSE):
            raise GrammarError("no pairs (RFC 7628 §3.1)")
        return _check(header.authzid, _pairs(rest[1:]))

    def told(self, answer: Told) -> Step:
        """Let in or refuse."""
        return settled(self, answer)

    def failure(self, reason: str) -> Failure:
        """Tell the client in JSON that the token is not good."""
        # RFC 7628 §3.2.2: a status of RFC 6750 §3.1; the same for a bad token and for a bad message.
        return Failure(reason, json.dumps({"status": "invalid_token"}).encode())


class XOAuth2Server:
    """XOAUTH2: `user=...^Aauth=Bearer token^A^A`.

    *Source:* https://developers.google.com/workspace/gmail/imap/xoauth2-protocol
    """

    name = "XOAUTH2"
    prompt = b""

    def take(self, response: bytes) -> Step:
        """Ask about the token."""
        first, mark, rest = text_of(response).partition(_CLOSE)
        key, _, user = first.partition("=")
        if key != "user" or not mark:
            raise GrammarError("the user does not come first")
        return _check(checked_name(user), _pairs(rest))

    def told(self, answer: Told) -> Step:
        """Let in or refuse."""
        return settled(self, answer)

    def failure(self, reason: str) -> Failure:
        """Tell the client in JSON that the token is not good."""
        return Failure(reason, json.dumps({"status": "401", "schemes": "bearer"}).encode())


def _pairs(text: str) -> dict[str, str]:
    """Read `key=value^A ... ^A`."""
    *pairs, last, end = text.split(_CLOSE) if _CLOSE in text else ["", text, "-"]
    found = [_PAIR.fullmatch(pair) for pair in pairs]
    if last or end or not found:
        raise GrammarError("pairs are closed by ^A, and the whole by one more (RFC 7628 §3.1)")
    values = {pair[1]: pair[2] for pair in found if pair is not None}
    if len(values) != len(pairs):
        raise GrammarError("a pair that is none, or comes twice (RFC 7628 §3.1)")
    return values


def _check(user: str, values: dict[str, str]) -> CheckToken:
    token = _BEARER.fullmatch(values.get("auth", ""))
    if token is None:
        raise GrammarError("no bearer token (RFC 6750 §2.1)")
    return CheckToken(username_case_preserved(user) if user else "", token[1])

"""Floor 1 · sasl — what a server's mechanism says after each message, as values.

Whether a password is right, the mechanism does not know: that takes databases and slow hashes. So it *asks*, by
returning a question, and is told the answer:

    step(response) -> Challenge        send it; the client's response goes to the next `step`
                   -> CheckPassword, FindKeys, CheckToken, CheckCertificate
                                       find out, then `tell(answer)`, which returns the next of these values
                   -> Success          the client is `user`; first send `data`, if there is any, as a last challenge
                   -> Failure          it is not; likewise

Whoever asks must send the same refusal whatever `Failure.reason` says, which is for the operator alone.
"""

from dataclasses import dataclass, field

from mailrail.sasl.keys import ScramKeys


@dataclass(frozen=True, slots=True)
class Challenge:
    """Send *data* to the client (RFC 4422 §3.3)."""

    data: bytes


@dataclass(frozen=True, slots=True)
class CheckPassword:
    """Is this the user's password? (RFC 4616 §2.) Answer the login name, or None.

    Attributes:
        user: as PRECIS prepares it, case kept.
        password: as PRECIS prepares it.
    """

    user: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class FindKeys:
    """What are the user's SCRAM keys? (RFC 5802 §5.1.) Answer a KeyRecord, or None.

    Attributes:
        user: as SASLprep prepares it, case kept.
        digest: "sha256" or "sha1".
    """

    user: str
    digest: str


@dataclass(frozen=True, slots=True)
class CheckToken:
    """Is this token good, and may its bearer be *user*? (RFC 7628 §3.2.) Answer the login name, or None.

    Attributes:
        user: whom the client says it is; "": whoever the token is for.
        token: the bearer token (RFC 6750 §2.1).
    """

    user: str
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class CheckCertificate:
    """May the owner of the client's TLS certificate be *user*? (RFC 4422 §A.) Answer the login name, or None.

    Attributes:
        user: whom the client wants to be; "": whoever the certificate names.
    """

    user: str


@dataclass(frozen=True, slots=True)
class Success:
    """The client is *user*.

    Attributes:
        user: the login name, as the answer gave it.
        data: a last challenge, to which the client owes an empty response (RFC 4954 §4); or nothing.
    """

    user: str
    data: bytes = b""


@dataclass(frozen=True, slots=True)
class Failure:
    """The client is not who it says, or does not follow the mechanism.

    Attributes:
        reason: for the operator; without secrets.
        data: a last challenge, to which any response may come; or nothing.
    """

    reason: str
    data: bytes = b""


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """The answer to FindKeys: the login name and its keys."""

    user: str
    keys: ScramKeys


Question = CheckPassword | FindKeys | CheckToken | CheckCertificate
Step = Challenge | Question | Success | Failure
Told = str | KeyRecord | None

"""Floor 1 · sasl — the frame of every exchange on the server's side, and PLAIN, LOGIN and EXTERNAL in it.

The frame keeps the order: a response, perhaps a question and its answer, and so on until Success or Failure, after
which nothing is taken any more. A message that breaks its grammar is a Failure, never an exception.

Names and passwords are asked about in the form that PRECIS gives them (`saslprep.py` says why), so that a store meets
one spelling, whatever keyboard it came from.
"""

from enum import Enum, auto
from typing import Final, Protocol

from mailrail.model import LocalProtocolError
from mailrail.sasl.grammar import GrammarError, checked_name, text_of
from mailrail.sasl.precis import opaque_string, username_case_preserved
from mailrail.sasl.saslprep import PreparationError
from mailrail.sasl.steps import (
    Challenge,
    CheckCertificate,
    CheckPassword,
    CheckToken,
    Failure,
    FindKeys,
    KeyRecord,
    Step,
    Success,
    Told,
)

NO: Final = "refused by who was asked"
OTHERS: Final = "asks to act for somebody else"


class _Turn(Enum):
    FRESH = auto()
    CLIENT = auto()  # a challenge was given out
    ASKED = auto()  # a question was
    OVER = auto()


class Mechanism(Protocol):
    """What is particular to a mechanism.

    Attributes:
        name: as it stands behind AUTH.
        prompt: the challenge that asks for the first response.
    """

    name: str
    prompt: bytes

    def take(self, response: bytes) -> Step:
        """Make a step of a response.

        Raises:
            GrammarError, PreparationError: it makes no sense.
        """
        ...

    def told(self, answer: Told) -> Step:
        """Make a step of an answer.

        Raises:
            LocalProtocolError: it answers another question.
        """
        ...

    def failure(self, reason: str) -> Failure:
        """Make a Failure, with what the mechanism tells the client of it."""
        ...


class ServerExchange:
    """One exchange, made anew for each (CVE-2011-1720); `steps.py` tells how it goes.

    Attributes:
        name: the mechanism.
    """

    def __init__(self, mechanism: Mechanism) -> None:
        self.name = mechanism.name
        self._mechanism = mechanism
        self._turn = _Turn.FRESH

    def step(self, response: bytes | None) -> Step:
        """Take a response.

        Args:
            response: None is for the first step, when no initial response came.

        Raises:
            LocalProtocolError: a question waits for its answer, or the exchange is over.
        """
        is_fresh = self._turn is _Turn.FRESH
        if not is_fresh and (self._turn is not _Turn.CLIENT or response is None):
            raise LocalProtocolError(f"{self.name}: not the client's turn")
        if response is None:
            return self._given(Challenge(self._mechanism.prompt))
        try:
            return self._given(self._mechanism.take(response))
        except (GrammarError, PreparationError) as error:
            return self._given(self._mechanism.failure(str(error)))

    def tell(self, answer: Told) -> Step:
        """Take the answer to the last question; None: no.

        Raises:
            LocalProtocolError: nothing was asked, or the answer is for another question.
        """
        if self._turn is not _Turn.ASKED:
            raise LocalProtocolError(f"{self.name}: nothing was asked")
        return self._given(self._mechanism.told(answer))

    def _given(self, step: Step) -> Step:
        match step:
            case Challenge():
                self._turn = _Turn.CLIENT
            case Success() | Failure():
                self._turn = _Turn.OVER
            case CheckPassword() | FindKeys() | CheckToken() | CheckCertificate():
                self._turn = _Turn.ASKED
        return step


class PlainServer:
    """PLAIN: one message, `authzid NUL authcid NUL password` (RFC 4616 §2)."""

    name = "PLAIN"
    prompt = b""  # RFC 4954 §4: an empty challenge asks for the initial response that did not come

    def __init__(self) -> None:
        self._authzid = self._authcid = ""

    def take(self, response: bytes) -> Step:
        """Ask about the password."""
        parts = text_of(response).split("\0")
        if len(parts) != 3:
            raise GrammarError("not three parts (RFC 4616 §2)")
        self._authzid, self._authcid, password = parts
        return CheckPassword(username_case_preserved(checked_name(self._authcid)), opaque_string(password))

    def told(self, answer: Told) -> Step:
        """Let in who asks to be nobody else."""
        step = settled(self, answer)
        if isinstance(step, Success) and not is_oneself(self._authzid, self._authcid, step.user):
            return Failure(OTHERS)
        return step

    def failure(self, reason: str) -> Failure:
        """Tell the client nothing."""
        return Failure(reason)


class LoginServer:
    """LOGIN: two prompts, the user and the password (draft-murchison-sasl-login-00)."""

    name = "LOGIN"
    prompt = b"Username:"

    def __init__(self) -> None:
        self._user = ""

    def take(self, response: bytes) -> Step:
        """Take the user, then ask about the password."""
        # LENIENT: seen from .NET's SmtpClient: the user as initial response.
        if not self._user:
            self._user = username_case_preserved(checked_name(text_of(response)))
            return Challenge(b"Password:")
        return CheckPassword(self._user, opaque_string(text_of(response)))

    def told(self, answer: Told) -> Step:
        """Let in or refuse."""
        return settled(self, answer)

    def failure(self, reason: str) -> Failure:
        """Tell the client nothing."""
        return Failure(reason)


class ExternalServer:
    """EXTERNAL: the certificate has said it; the message is whom to act for, or empty (RFC 4422 §A)."""

    name = "EXTERNAL"
    prompt = b""

    def take(self, response: bytes) -> Step:
        """Ask about the certificate."""
        name = text_of(response)
        return CheckCertificate(username_case_preserved(checked_name(name)) if name else "")

    def told(self, answer: Told) -> Step:
        """Let in or refuse."""
        return settled(self, answer)

    def failure(self, reason: str) -> Failure:
        """Tell the client nothing."""
        return Failure(reason)


def settled(mechanism: Mechanism, answer: Told) -> Success | Failure:
    """Return the end that *answer* means where yes or no was asked."""
    if isinstance(answer, KeyRecord):
        raise LocalProtocolError(f"{mechanism.name} asked for no keys")
    return mechanism.failure(NO) if answer is None else Success(answer)


def is_oneself(authzid: str, authcid: str, user: str) -> bool:
    """Tell whether a client asks to be nobody but itself; acting for others is not offered (RFC 4422 §3.4.1)."""
    return authzid in ("", authcid, user)

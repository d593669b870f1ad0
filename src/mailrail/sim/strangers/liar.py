"""Floor 5 · sim — a host whose EHLO reply is not true.

It offers what it then refuses or does badly, and announces limits that it does not keep. Mail for it must
still arrive, or come back; it must never be lost or harmed.
"""

from dataclasses import replace
from enum import Enum

from mailrail.sim.strangers.answer import Answer, Then, several_lines
from mailrail.sim.strangers.letter import Letter
from mailrail.sim.strangers.stranger import Stranger
from mailrail.sim.strangers.visit import Visit
from mailrail.sim.strangers.witness import MODERN, Place


class Lie(Enum):
    """What is not true."""

    SIZE = "size"  # announces 50 MB and refuses above 10,000 octets at the end
    EIGHT_BIT = "8bitmime"  # refuses BODY=8BITMIME with 501
    DSN = "dsn"  # refuses a RCPT with NOTIFY or ORCPT with 501
    LIMITS = "limits"  # RCPTMAX=100, but 452 from the third recipient on
    GARBLED = "garbled"  # an EHLO reply with lines that mean nothing
    NO_HELP = "no_help"  # refuses EHLO with 502, takes HELO


class Liar(Stranger):
    """Tells one *lie*."""

    REALLY_BYTES = 10_000
    REALLY_RECIPIENTS = 2

    def __init__(self, place: Place, *, lie: Lie = Lie.SIZE) -> None:
        offer = (*MODERN, "LIMITS RCPTMAX=100") if lie is Lie.LIMITS else place.offer
        super().__init__(replace(place, offer=offer))
        self._lie = lie

    def hello(self, visit: Visit, *, is_extended: bool) -> Answer:
        """Refuse EHLO, or garble the reply to it."""
        if is_extended and self._lie is Lie.NO_HELP:
            return Answer("502 5.5.1 Not implemented")
        answer = super().hello(visit, is_extended=is_extended)
        if is_extended and self._lie is Lie.GARBLED:
            words = ("SIZE=lots", "=", "8BITMIME\tmaybe", "X" * 400, *self.place.offer)
            return Answer(several_lines(250, self.place.name, *words))
        return answer

    def mail(self, visit: Visit, letter: Letter) -> Answer:
        """Refuse a parameter that was offered."""
        if self._lie is Lie.EIGHT_BIT and letter.parameters.get("BODY", "").upper() == "8BITMIME":
            return Answer("501 5.5.4 What is BODY?")
        return super().mail(visit, letter)

    def rcpt(self, visit: Visit, letter: Letter, path: str, wishes: str) -> Answer:
        """Refuse a parameter that was offered, or a recipient that the limits allow."""
        if self._lie is Lie.DSN and wishes:
            return Answer("501 5.5.4 What do you want?")
        if self._lie is Lie.LIMITS and len(letter.recipients) >= self.REALLY_RECIPIENTS:
            return Answer("452 4.5.3 Too many recipients")
        return super().rcpt(visit, letter, path, wishes)

    def end(self, visit: Visit, letter: Letter) -> Answer:
        """Refuse what is within the size that was announced."""
        if self._lie is Lie.SIZE and len(letter.content) > self.REALLY_BYTES:
            return Answer("552 5.3.4 Too big after all", Then.CLOSE)
        return super().end(visit, letter)

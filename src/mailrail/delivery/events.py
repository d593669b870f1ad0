"""Floor 4 · delivery — the facts that delivery tells; what became of the mail is told by the queue."""

from mailrail.observe import Event


class SessionOpenedOut(Event, frozen=True, kw_only=True):
    """A session with a next hop stands.

    Attributes:
        destination: key of the destination.
        host: its name.
        remote: its address and port.
        tls: version and cipher, "" in the clear.
        verified: its certificate was checked and is good.
    """

    destination: str
    host: str
    remote: str
    tls: str = ""
    verified: bool = False


class TlsFellBack(Event, frozen=True, kw_only=True):
    """A TLS handshake failed and, because TLS was only wished for, the mail goes in the clear."""

    destination: str
    host: str
    error: str


class ReversePathRewritten(Event, frozen=True, kw_only=True):
    """A message leaves with another reverse-path than it came with; our own notices still go to its sender.

    Told for each try. A list's owner stands in for the sender, SRS leads back to the sender of what is forwarded, BATV signs our own.

    Attributes:
        sender: the reverse-path that it came with.
        leaves_as: that with which it leaves.
    """

    sender: str
    leaves_as: str


class AddressAsked(Event, frozen=True, kw_only=True):
    """A next hop has said whether it takes mail for an address, before we take it here.

    Attributes:
        destination: key of the destination.
        host: who said it.
        reply: with which words; for who is taken, ours.
    """

    destination: str
    address: str
    host: str
    is_taken: bool
    reply: str

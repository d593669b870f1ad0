"""How people use the server library; the type checker reads this, nothing runs it."""

from collections.abc import Awaitable, Sequence
from ipaddress import ip_network
from typing import assert_type

from mailrail.model import Address, Envelope, Recipient, Reply
from mailrail.model import reply as say
from mailrail.net import Endpoint, ServerContexts, TlsInfo
from mailrail.observe import Bus
from mailrail.server import (
    Answer,
    EndAnswer,
    Handler,
    LimitSettings,
    Port,
    Server,
    ServerSettings,
    SessionFacts,
    TimeoutSettings,
    Transaction,
)


class Printing(Handler):
    """The shortest handler: whole messages only."""

    async def message(self, envelope: Envelope, content: bytes) -> Reply:
        assert_type(envelope.reverse_path, Address | None)
        assert_type(self.session.tls, TlsInfo | None)
        assert_type(self.session.hello_name, str)
        return say.DONE


class Asking(Handler):
    """Answers at once here, later there."""

    def __init__(self, session: SessionFacts, users: frozenset[str]) -> None:
        super().__init__(session)
        self.users = users

    def rcpt(self, transaction: Transaction, recipient: Recipient) -> Answer:
        if not self.users:
            return self.look_up(recipient)
        is_known = recipient.forward_path.local_part in self.users
        return say.RECIPIENT_OK if is_known else say.NO_SUCH_USER

    async def look_up(self, recipient: Recipient) -> Reply:
        return say.NO_SUCH_USER.with_text(f"Who is {recipient.forward_path}?")

    def chunk(self, content: bytes) -> Awaitable[None] | None:
        return None

    def end(self, transaction: Transaction) -> EndAnswer:
        return self.each(transaction)

    async def each(self, transaction: Transaction) -> Sequence[Reply]:
        return [say.DONE for _ in transaction.recipients]


async def serve(tls: ServerContexts) -> None:
    async with Server(Printing, hostname="mx.example.org", listen="127.0.0.1:0") as server:
        assert_type(server.endpoints, tuple[Endpoint, ...])
    server = Server(
        lambda session: Asking(session, frozenset({"bob"})),
        hostname="mx.example.org",
        settings=ServerSettings(limits=LimitSettings(recipients=500), timeouts=TimeoutSettings(command_s=60)),
        tls=tls,
        trusted=(ip_network("10.0.0.0/8"),),
        bus=Bus(),
    )
    server.start()
    assert_type(server.listen_on(Port(endpoint=Endpoint.parse("[::]:465"), implicit_tls=True)), Endpoint)
    server.listen_on(Port(endpoint=Endpoint.parse("unix:/run/lmtp"), is_lmtp=True), Printing)
    await server.stop(grace_s=5)

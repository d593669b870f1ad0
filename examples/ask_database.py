"""A server that asks a database about every recipient, and keeps no other session waiting for the answer.

    python examples/ask_database.py [LISTEN]

What goes wrong inside a handler is answered 451, so that nothing is lost, and told to the server's bus: listen there.
"""

import asyncio
import sys
from functools import partial

import mailrail
from mailrail import reply as say


class Database:
    """Stands for a real one: any library with `await` will do."""

    def __init__(self) -> None:
        self._members = {"bob": "active", "cid": "active", "old": "moved"}

    async def status(self, local_part: str) -> str | None:
        await asyncio.sleep(0.01)
        if local_part == "crash":
            raise ConnectionError("the database went away")
        return self._members.get(local_part)


class Members(mailrail.Handler):
    def __init__(self, database: Database, session: mailrail.SessionFacts) -> None:
        super().__init__(session)
        self._database = database

    async def rcpt(self, transaction: mailrail.Transaction, recipient: mailrail.Recipient) -> mailrail.Reply:
        address = recipient.forward_path
        if address.domain != "example.org":
            return say.RELAY_DENIED
        match await self._database.status(address.local_part):
            case "active":
                return say.RECIPIENT_OK
            case "moved":
                return say.NO_SUCH_USER.with_text("This member has left")
            case _:
                return say.NO_SUCH_USER

    async def message(self, envelope: mailrail.Envelope, content: bytes) -> mailrail.Reply:
        print(len(content), "octets for", *(one.forward_path for one in envelope.recipients), flush=True)
        return say.DONE


async def main(listen: str = "127.0.0.1:2525") -> None:
    bus = mailrail.Bus()
    bus.listen(lambda event: print(event, file=sys.stderr), level=mailrail.Level.ERROR)
    members = partial(Members, Database())
    async with mailrail.Server(members, hostname="mx.example.org", listen=listen, bus=bus) as server:
        print("listening on", server.endpoints[0], flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    try:
        asyncio.run(main(*sys.argv[1:]))
    except KeyboardInterrupt:
        print("stopped")

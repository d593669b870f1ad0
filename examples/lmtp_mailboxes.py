"""An LMTP server: behind a mail server, it puts messages into mailboxes and answers for each of them (RFC 2033).

    python examples/lmtp_mailboxes.py [LISTEN]

LISTEN may be a Unix socket: unix:/run/mailboxes.sock
"""

import asyncio
import sys
from collections import Counter
from functools import partial

import mailrail
from mailrail import reply as say

QUOTA_BYTES = 20_000
OVER_QUOTA = mailrail.Reply(452, "4.2.2", "Mailbox full", "RFC 3463 §3.3")


class Mailboxes(mailrail.Handler):
    def __init__(self, used_bytes: Counter[str], session: mailrail.SessionFacts) -> None:
        super().__init__(session)
        self._used_bytes = used_bytes

    def end(self, transaction: mailrail.Transaction) -> mailrail.EndAnswer:
        content = self.content()
        return [self._deliver(str(one.forward_path), content) for one in transaction.recipients]

    def _deliver(self, mailbox: str, content: bytes) -> mailrail.Reply:
        if self._used_bytes[mailbox] + len(content) > QUOTA_BYTES:
            return OVER_QUOTA
        self._used_bytes[mailbox] += len(content)
        print(mailbox, "holds", self._used_bytes[mailbox], "octets", flush=True)
        return say.DONE


async def main(listen: str = "127.0.0.1:2424") -> None:
    mailboxes = partial(Mailboxes, Counter())
    async with mailrail.Server(mailboxes, hostname="boxes.example.org") as server:
        port = mailrail.Port(endpoint=mailrail.Endpoint.parse(listen), is_lmtp=True)
        print("listening on", server.listen_on(port), flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    try:
        asyncio.run(main(*sys.argv[1:]))
    except KeyboardInterrupt:
        print("stopped")

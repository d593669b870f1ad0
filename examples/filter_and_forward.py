"""A filter between two servers: adds a header field to every message and sends it on.

    python examples/filter_and_forward.py NEXT-HOST NEXT-PORT [LISTEN]

It stores nothing. The answer of the next server is its answer, so it never owes anybody anything; that is why it takes one
recipient at a time: for two, the next server might give two answers, and SMTP has room for one.
"""

import asyncio
import sys
from email.utils import format_datetime, localtime
from functools import partial

import mailrail
from mailrail import reply as say

HOSTNAME = "filter.example.org"


class Filter(mailrail.Handler):
    def __init__(self, next_host: str, next_port: int, session: mailrail.SessionFacts) -> None:
        super().__init__(session)
        self._next = (next_host, next_port)

    def rcpt(self, transaction: mailrail.Transaction, recipient: mailrail.Recipient) -> mailrail.Answer:
        # RFC 5321 §4.5.3.1.10: the client comes again with the others.
        return say.TOO_MANY_RECIPIENTS if transaction.recipients else say.RECIPIENT_OK

    async def message(self, envelope: mailrail.Envelope, content: bytes) -> mailrail.Reply:
        (recipient,) = envelope.recipients
        try:
            async with mailrail.Client(*self._next, hello_name=HOSTNAME) as client:
                result = await client.send(
                    self._top() + content,
                    sender=str(envelope.reverse_path or ""),
                    recipients=[str(recipient.forward_path)],
                    options=mailrail.SendOptions(
                        notify=recipient.notify, ret=envelope.ret, envid=envelope.envid
                    ),
                )
        except (mailrail.SenderRefused, mailrail.AllRecipientsRefused, mailrail.DataRefused) as error:
            return error.reply or say.TRANSACTION_FAILED
        except mailrail.CannotSend as error:
            return say.TRANSACTION_FAILED.with_text(str(error))
        except mailrail.SendError as error:
            return say.NO_HOST_ANSWERS.with_text(str(error))
        ((_, reply),) = result.answers
        return reply

    def _top(self) -> bytes:
        # Every hop leaves its trace: that is how loops are found (RFC 5321 §4.4, §6.3).
        session = self.session
        trace = (
            f"from {session.hello_name} ([{session.peer.host}])\r\n\tby {HOSTNAME} with {session.protocol}"
        )
        return f"Received: {trace};\r\n\t{format_datetime(localtime())}\r\nX-Filtered: yes\r\n".encode()


async def main(next_host: str, next_port: str, listen: str = "127.0.0.1:2525") -> None:
    handler = partial(Filter, next_host, int(next_port))
    async with mailrail.Server(handler, hostname=HOSTNAME, listen=listen) as server:
        print("listening on", server.endpoints[0], flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    try:
        asyncio.run(main(*sys.argv[1:]))
    except KeyboardInterrupt:
        print("stopped")

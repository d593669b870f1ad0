"""Ask to be told when the message has arrived, and when it has not (RFC 3461).

python examples/ask_for_notices.py [HOST [PORT]]
"""

import asyncio
import sys

import mailrail

CONTRACT = b"From: ann@example.com\nTo: bob@example.org\nSubject: The contract\n\nSigned.\n"


async def main(host: str = "127.0.0.1", port: str = "2525") -> None:
    wishes = mailrail.SendOptions(
        notify=mailrail.Notify.SUCCESS | mailrail.Notify.FAILURE,
        ret=mailrail.Ret.HDRS,  # the header is enough to know it by
        envid="contract-4711",  # comes back in the notice as Original-Envelope-Id
    )
    async with mailrail.Client(host, int(port)) as client:
        result = await client.send(CONTRACT, options=wishes)
    if not result.passed_dsn:
        print("the server knows no notices: it will only tell of failures, if at all")
    print(result)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))

"""Send one message through a server.

    python examples/send_one.py [HOST [PORT]]

TLS is used if the server offers it; `login=("ann", password)` logs in, and then asks for TLS with a good certificate.
"""

import asyncio
import sys
from email.message import EmailMessage
from email.utils import format_datetime, localtime, make_msgid

import mailrail


async def main(host: str = "127.0.0.1", port: str = "2525") -> None:
    message = EmailMessage()
    message["From"] = "Ann <ann@example.com>"
    message["To"] = "Bob <bob@example.org>"
    message["Subject"] = "Hello"
    # A message is sent as it is: whoever writes it gives it a date and a name.
    message["Date"] = format_datetime(localtime())
    message["Message-ID"] = make_msgid(domain="example.com")
    message.set_content("How are you?\n")
    try:
        result = await mailrail.send(message, host, int(port))
    except mailrail.SendError as error:
        # What happened, to whom, and what the server said.
        sys.exit(f"not sent: {error}")
    print(result)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))

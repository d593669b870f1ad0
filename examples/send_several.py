"""Send several messages over one session, and look at what became of each recipient.

python examples/send_several.py [HOST [PORT]]
"""

import asyncio
import sys
from email.message import EmailMessage

import mailrail

MEMBERS = {"Bob": "bob@example.org", "Cid": "cid@example.org", "Gone": "gone@example.org"}


def invitation(name: str, address: str) -> EmailMessage:
    message = EmailMessage()
    message["From"] = "club@example.com"
    message["To"] = f"{name} <{address}>"
    message["Subject"] = f"{name}, come to the meeting"
    message.set_content("Tuesday at eight.\n")
    return message


async def main(host: str = "127.0.0.1", port: str = "2525") -> None:
    async with mailrail.Client(host, int(port)) as client:
        for name, address in MEMBERS.items():
            try:
                await client.send(invitation(name, address))
            except mailrail.AllRecipientsRefused as error:
                print(address, "was refused:", error.reply)
            else:
                print(address, "was taken")

        # One message for everybody, with an envelope of its own: the recipients need not stand in the message.
        minutes = b"From: club@example.com\nTo: members:;\nSubject: Minutes\n\nNothing was decided.\n"
        result = await client.send(minutes, sender="bounces@example.com", recipients=list(MEMBERS.values()))
        print("minutes:", len(result.accepted), "taken,", len(result.refused), "refused")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))

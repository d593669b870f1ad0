"""Deliver straight to the mail hosts of the recipients' domains, without any server of ours between.

    python examples/deliver_direct.py [DNS-SERVER:PORT [PORT-OF-MAIL-HOSTS]]

One try, no queue: whoever is deferred must be tried again, later. Many hosts take nothing from an address without
DNS records, or from a home line.
"""

import asyncio
import sys

import mailrail

MESSAGE = b"From: ann@example.com\nTo: bob@example.org, eve@nowhere.invalid\nSubject: Hello\n\nHow are you?\n"


async def main(dns_server: str = "", mail_port: str = "25") -> None:
    # One resolver for all messages: it remembers. Without servers it asks the system's.
    servers = (dns_server,) if dns_server else ()
    resolver = mailrail.DnsResolver(
        mailrail.SocketNetwork(), mailrail.DnsSettings(servers=servers), mailrail.system_rng()
    )
    done = await mailrail.deliver(
        MESSAGE, hello_name="mail.example.com", resolver=resolver, port=int(mail_port)
    )
    for address, outcome in done.outcomes:
        match outcome:
            case mailrail.Delivered(reply=reply, host=host):
                print(address, "delivered:", host, "said", reply)
            case mailrail.Deferred(reply=reply):
                print(address, "deferred, try again:", reply)
            case mailrail.Failed(reply=reply):
                print(address, "failed for good:", reply)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))

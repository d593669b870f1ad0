"""The protocol cores alone, one usual message again and again: what `make bench-guard` counts.

    python -m bench.cores parser|client MESSAGES

Runs a tenth of the messages first, says `ready`, waits for a line, runs MESSAGES, says `done`, waits for a line.
"""

import sys
from collections.abc import Callable

from mailrail.model import Address, Body, Envelope, Recipient
from mailrail.model import reply as say
from mailrail.server import ServerSettings
from mailrail.smtp import (
    Chunk,
    ClientConnection,
    DataStart,
    Ended,
    EndOfData,
    Mail,
    Offer,
    Offers,
    Rcpt,
    ServerConnection,
)

LINE = b"x" * 70 + b"\r\n"
CONTENT = b"Subject: guard\r\n\r\n" + LINE * 56  # 4 KiB
SENDER, RECIPIENT = Address("source", "sender.example"), Address("user", "sink.bench.example")
OFFERED = b"250-sink\r\n250-PIPELINING\r\n250-SIZE 52428800\r\n250 8BITMIME\r\n"


def parser() -> Callable[[], None]:
    """Return what takes one message, as smtp-source gives it, one command at a time."""
    limits = ServerSettings().limits.model_copy(update={"messages": sys.maxsize})
    offers = Offers.of(Offer(hostname="mx", size_bytes=limits.message_bytes, recipients=1000, messages=1000))
    core = ServerConnection(limits, offers)
    core.greet(say.GREETING)
    core.receive(b"EHLO source.example\r\n")
    core.next_event()
    core.reply(say.HELLO)
    core.data_to_send()
    answers = {
        Mail: say.SENDER_OK,
        Rcpt: say.RECIPIENT_OK,
        DataStart: say.START_DATA,
        EndOfData: say.QUEUED,
        Chunk: None,
    }
    wire = (
        b"MAIL FROM:<source@sender.example>\r\n",
        b"RCPT TO:<user@sink.bench.example>\r\n",
        b"DATA\r\n",
        CONTENT + b".\r\n",
    )

    def take_one() -> None:
        for data in wire:
            event = core.next_event(data)
            while event is not None:
                answer = answers[type(event)]
                if answer is not None:
                    core.reply(answer)
                event = None if core.is_dry else core.next_event()  # as a session does
            core.output = b""

    return take_one


def client() -> Callable[[], None]:
    """Return what sends one message to a peer with PIPELINING, as smtp-sink answers."""
    core = ClientConnection()
    core.receive(b"220 sink\r\n")
    core.next_event()
    core.hello("mx")
    core.receive(OFFERED)
    core.next_event()
    envelope = Envelope(SENDER, (Recipient(RECIPIENT),))

    def send_one() -> None:
        size = len(CONTENT)
        core.begin(envelope, envelope.recipients, size_bytes=size, body=Body.SEVEN_BIT, whole=CONTENT)
        core.data_to_send()
        core.receive(b"250 2.1.0 Ok\r\n250 2.1.5 Ok\r\n354 End data with <CR><LF>.<CR><LF>\r\n")
        core.next_event()
        core.data_to_send()
        core.receive(b"250 2.0.0 Ok\r\n")
        if type(core.next_event()) is not Ended:
            raise AssertionError("the message did not go")

    return send_one


CORES = {"parser": parser, "client": client}


def main() -> None:
    """Run one core as told."""
    one, messages = CORES[sys.argv[1]](), int(sys.argv[2])
    for _ in range(messages // 10):
        one()
    print("ready", flush=True)
    sys.stdin.readline()
    for _ in range(messages):
        one()
    print("done", flush=True)
    sys.stdin.readline()


if __name__ == "__main__":
    main()

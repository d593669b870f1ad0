"""Send from a script that has no event loop: a report by a job of the night.

    python examples/send_from_script.py [HOST [PORT]]

The exit code tells the job's keeper whether to run it again.
"""

import sys
from email.message import EmailMessage

import mailrail

TRY_AGAIN = 75  # EX_TEMPFAIL of sysexits


def main(host: str = "127.0.0.1", port: str = "2525") -> int:
    message = EmailMessage()
    message["From"] = "reports@example.com"
    message["To"] = "bob@example.org"
    message["Subject"] = "Sales of today"
    message.set_content("See the file.\n")
    message.add_attachment("day,sum\n1,42\n", subtype="csv", filename="sales.csv")
    try:
        mailrail.send_sync(message, host, int(port))
    except mailrail.SendError as error:
        print("not sent:", error, file=sys.stderr)
        is_permanent = error.reply is not None and error.reply.is_permanent
        return 1 if is_permanent else TRY_AGAIN
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

"""A server that people log in to: STARTTLS, then AUTH PLAIN, then mail from their own address only.

    python examples/submission.py CERTIFICATE KEY [LISTEN]

CERTIFICATE and KEY are PEM files. AUTH is offered under TLS only, whatever a handler does.
"""

import asyncio
import hashlib
import hmac
import sys
from pathlib import Path

import mailrail
from mailrail import reply as say

SALT = b"one salt for each user, in real life"


def hashed(password: bytes) -> bytes:
    return hashlib.scrypt(password, salt=SALT, n=2**14, r=8, p=1)


PASSWORDS = {"ann": hashed(b"secret")}


class Submission(mailrail.Handler):
    def auth(self, mechanism: str, initial: bytes | None) -> mailrail.Answer:
        # Without an initial response we ask with an empty challenge (RFC 4954 §4).
        return say.AUTH_CONTINUE if initial is None else self.auth_response(initial)

    async def auth_response(self, response: bytes) -> mailrail.Reply:
        # RFC 4616 §2: authorisation identity, user and password, between them NUL.
        parts = response.split(b"\0")
        if len(parts) != 3:
            return say.AUTH_FAILED
        user = parts[1].decode("utf-8", "replace")
        # Hashing is slow on purpose, and just as slow for a user who does not exist.
        found = await asyncio.to_thread(hashed, parts[2])
        if not hmac.compare_digest(found, PASSWORDS.get(user, b"")):
            return say.AUTH_FAILED
        self.session.user = user
        return say.AUTH_DONE

    def mail(self, transaction: mailrail.Transaction) -> mailrail.Answer:
        if not self.session.user:
            return say.AUTH_REQUIRED
        sender = transaction.reverse_path
        if str(sender) != f"{self.session.user}@example.org":
            return say.RELAY_DENIED.with_text(f"{sender} is not your address")
        return say.SENDER_OK

    async def message(self, envelope: mailrail.Envelope, content: bytes) -> mailrail.Reply:
        print(self.session.user, "sent", len(content), "octets by", self.session.protocol, flush=True)
        return say.DONE


async def main(certificate: str, key: str, listen: str = "127.0.0.1:5587") -> None:
    files = mailrail.CertificateFiles(chain=Path(certificate), key=Path(key))
    tls = mailrail.server_context(mailrail.TlsSettings(certificate=(files,)))
    async with mailrail.Server(Submission, hostname="mail.example.org", tls=tls) as server:
        port = mailrail.Port(endpoint=mailrail.Endpoint.parse(listen), auth_mechanisms=("PLAIN",))
        print("listening on", server.listen_on(port), flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    try:
        asyncio.run(main(*sys.argv[1:]))
    except KeyboardInterrupt:
        print("stopped")

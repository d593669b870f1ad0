"""A server that people log in to: STARTTLS, then AUTH, then mail from their own address only.

    python examples/submission.py CERTIFICATE KEY [LISTEN]

CERTIFICATE and KEY are PEM files. AUTH is offered under TLS only, whatever a handler does.
"""

import asyncio
import sys
from pathlib import Path

import mailrail
from mailrail import reply as say

# Real ones read from a file what `derive_keys` made once of each password, with a salt of its own.
KEYS = {"ann": mailrail.derive_keys("secret", salt=b"16 random octets")}


class Users(mailrail.Verifier):
    secret = b"at least 16 octets that nobody else knows"

    async def scram_keys(self, user: str, digest: str) -> mailrail.KeyRecord | mailrail.Reply | None:
        keys = KEYS.get(user)
        return mailrail.KeyRecord(user, keys) if keys is not None else None

    async def verify_password(self, user: str, password: str) -> str | mailrail.Reply:
        # Slow on purpose, and just as slow for a user who does not exist: so off the loop, and always.
        known = KEYS.get(user, KEYS["ann"])
        found = await asyncio.to_thread(known.is_of, password)
        return user if found and user in KEYS else say.AUTH_FAILED


USERS = Users()


class Submission(mailrail.Handler):
    def auth(self, mechanism: str, initial: bytes | None) -> mailrail.Answer:
        self.login = mailrail.AuthExchange(mechanism, USERS, self.session)
        return self.login.start(initial)

    def auth_response(self, response: bytes) -> mailrail.Answer:
        return self.login.step(response)

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
    mechanisms = ("SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "PLAIN", "LOGIN")
    async with mailrail.Server(Submission, hostname="mail.example.org", tls=tls) as server:
        port = mailrail.Port(endpoint=mailrail.Endpoint.parse(listen), auth_mechanisms=mechanisms)
        print("listening on", server.listen_on(port), flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    try:
        asyncio.run(main(*sys.argv[1:]))
    except KeyboardInterrupt:
        print("stopped")

"""The public API as a user writes it; never run, only checked by mypy --strict with everything else.

What stands here compiles for a program with strict types; a change that breaks it breaks users. Only `mailrail`
itself is imported: all that a user needs is at the front door.
"""

import ssl
from collections.abc import Sequence
from email.message import EmailMessage
from email.mime.text import MIMEText
from functools import partial
from pathlib import Path
from typing import assert_never, assert_type

import mailrail
from mailrail import reply as say


async def send_in_every_form(message: EmailMessage, raw: bytes) -> None:
    result = await mailrail.send(message, "smtp.example.org")
    assert_type(result, mailrail.Result)
    await mailrail.send(raw, host="smtp.example.org", port=587, sender="", recipients=["bob@example.org"])
    await mailrail.send(MIMEText("x"), "smtp.example.org", recipients="bob@example.org")
    await mailrail.send(raw, "smtp.example.org", login=("ann", "secret"), tls="verify", implicit_tls=True)
    assert_type(result.accepted, dict[str, mailrail.Reply])
    assert_type(result.refused, dict[str, mailrail.Reply])
    assert_type(result.answers, tuple[tuple[str, mailrail.Reply], ...])
    assert_type(result.passed_dsn, bool)


async def send_by_token(raw: bytes) -> None:
    login = mailrail.Login("ann", token="t0ken", mechanisms=("OAUTHBEARER",))
    await mailrail.send(raw, "smtp.example.org", login=login)


def send_without_a_loop(message: EmailMessage) -> int:
    try:
        assert_type(mailrail.send_sync(message, "smtp.example.org"), mailrail.Result)
    except mailrail.AuthFailed as error:
        assert_type(error.reply, mailrail.Reply | None)
        return error.reply.code if error.reply else 0
    except mailrail.SendError as error:
        assert_type(error.stage, mailrail.Stage)
        assert_type(error.replies, tuple[mailrail.Reply, ...])
        assert_type(error.recipients, tuple[str, ...])
        assert_type(error.recipient, str | None)
    except mailrail.MailrailError:
        pass
    return 0


async def keep_a_client(message: EmailMessage, context: ssl.SSLContext) -> None:
    settings = mailrail.ClientSettings(connect_s=5, end_s=60)
    async with mailrail.Client(
        "smtp.example.org",
        login=("ann", "secret"),
        context=context,
        settings=settings,
        hello_name="a.example",
    ) as client:
        assert_type(client, mailrail.Client)
        wishes = mailrail.SendOptions(
            notify=mailrail.Notify.SUCCESS | mailrail.Notify.FAILURE, ret=mailrail.Ret.FULL, envid="42"
        )
        assert_type(await client.send(message, options=wishes), mailrail.Result)
        urgent = mailrail.SendOptions(priority=9, deliver_by=mailrail.DeliverBy(900, returns=True))
        await client.send(message, options=urgent)
    client = mailrail.Client("unix:/run/lmtp.sock", lmtp=True, network=mailrail.SocketNetwork())
    await client.close()


def judge(outcome: mailrail.Outcome) -> str:
    match outcome:
        case mailrail.Delivered(reply=reply, host=host):
            return f"{host}: {reply}"
        case mailrail.Deferred(blame=mailrail.Blame.OURSELVES) | mailrail.Failed():
            return str(outcome.reply)
        case mailrail.Deferred():
            return "later"
        case _:
            assert_never(outcome)


async def deliver_directly(message: EmailMessage) -> None:
    resolver: mailrail.Resolver = mailrail.DnsResolver(
        mailrail.SocketNetwork(), mailrail.DnsSettings(servers=("127.0.0.1:53",)), mailrail.system_rng()
    )
    done = await mailrail.deliver(
        message,
        hello_name="a.example",
        resolver=resolver,
        settings=mailrail.DeliverySettings(max_endpoints=2),
    )
    assert_type(done, mailrail.Delivery)
    assert_type(done.failed, dict[str, mailrail.Failed])
    print(*(judge(outcome) for _, outcome in done.outcomes))


class Plain(mailrail.Handler):
    """Overrides with plain replies."""

    def connect(self) -> mailrail.Answer:
        return say.GREETING if self.session.is_trusted else say.NO_SERVICE

    def mail(self, transaction: mailrail.Transaction) -> mailrail.Answer:
        assert_type(transaction.reverse_path, mailrail.Address | None)
        return say.SENDER_OK.with_text(f"Hello {self.session.hello_name}")

    def end(self, transaction: mailrail.Transaction) -> mailrail.EndAnswer:
        content = self.content()
        return [
            say.DONE if content else mailrail.Reply(554, "5.6.0", "Empty") for _ in transaction.recipients
        ]


class Waiting(mailrail.Handler):
    """Overrides with coroutines, and has a constructor of its own."""

    def __init__(self, folder: Path, session: mailrail.SessionFacts) -> None:
        super().__init__(session)
        self.folder = folder

    async def rcpt(self, transaction: mailrail.Transaction, recipient: mailrail.Recipient) -> mailrail.Reply:
        return say.RECIPIENT_OK if recipient.forward_path.domain else say.NO_SUCH_USER

    async def end(self, transaction: mailrail.Transaction) -> Sequence[mailrail.Reply]:
        return [say.DONE] * len(transaction.recipients)

    async def message(self, envelope: mailrail.Envelope, content: bytes) -> mailrail.Reply:
        assert_type(envelope.body, mailrail.Body)
        return say.DONE


class Users(mailrail.Verifier):
    """Overrides what it offers."""

    secret = b"sixteen octets.."

    async def verify_password(self, user: str, password: str) -> str | mailrail.Reply:
        keys: mailrail.ScramKeys = mailrail.derive_keys("secret", b"salt")
        stored = mailrail.parse_keys(mailrail.format_keys(keys))
        return user if stored.is_of(password) else say.AUTH_UNAVAILABLE

    async def scram_keys(self, user: str, digest: str) -> mailrail.KeyRecord | mailrail.Reply | None:
        return mailrail.KeyRecord(user, mailrail.derive_keys("secret", b"salt", 4096, digest))


class LogsIn(mailrail.Handler):
    """Takes logins."""

    def auth(self, mechanism: str, initial: bytes | None) -> mailrail.Answer:
        self.login = mailrail.AuthExchange(mechanism, Users(), self.session)
        return self.login.start(initial)

    def auth_response(self, response: bytes) -> mailrail.Answer:
        return self.login.step(response)


async def serve(folder: Path) -> None:
    bus = mailrail.Bus()
    bus.listen(lambda event: print(event.session), level=mailrail.Level.WARNING)
    limits = mailrail.LimitSettings(message_bytes=10_000_000, recipients=100)
    settings = mailrail.ServerSettings(limits=limits, timeouts=mailrail.TimeoutSettings(command_s=60))
    files = mailrail.CertificateFiles(chain=folder / "chain.pem", key=folder / "key.pem")
    tls: mailrail.ServerContexts = mailrail.server_context(mailrail.TlsSettings(certificate=(files,)))
    async with mailrail.Server(Plain, hostname="mx.example.org", listen="127.0.0.1:0"):
        pass
    async with mailrail.Server(
        partial(Waiting, folder), hostname="mx.example.org", settings=settings, tls=tls, bus=bus
    ) as server:
        port = mailrail.Port(endpoint=mailrail.Endpoint.parse("[::1]:0"), implicit_tls=True)
        assert_type(server.listen_on(port, handler=Plain), mailrail.Endpoint)
        assert_type(server.endpoints, tuple[mailrail.Endpoint, ...])


def small_things() -> None:
    assert_type(mailrail.parse_address("ann@example.org"), mailrail.Address)
    assert_type(mailrail.__version__, str)
    # No name that is not there: were it taken, mypy would find this "ignore" unused.
    mailrail.no_such_name  # type: ignore[attr-defined]  # noqa: B018

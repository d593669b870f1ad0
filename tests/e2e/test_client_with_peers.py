"""Our client library with other people's servers, over real sockets and real TLS."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from email.message import EmailMessage

import pytest
from tests.support.peers.exim import exim
from tests.support.peers.mail_server import MailServer
from tests.support.peers.postfix import postfix

from mailrail.client import AllRecipientsRefused, Client, SendOptions, TlsFailed, send_sync
from mailrail.model import Notify
from mailrail.net import client_context

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

DOTS = ".\n..\n.end\nlast\n"


@contextmanager
def plain_postfix() -> Iterator[MailServer]:
    """Postfix without CHUNKING: the way of DATA."""
    with postfix(
        accept=["kept.example"], parameters={"smtpd_discard_ehlo_keywords": "chunking, silent-discard"}
    ) as server:
        yield server


def chunking_postfix() -> AbstractContextManager[MailServer]:
    return postfix(accept=("kept.example",))


def any_exim() -> AbstractContextManager[MailServer]:
    return exim(accept=("kept.example",))


SERVERS = [plain_postfix, chunking_postfix, any_exim]


def letter(subject: str, text: str = DOTS) -> EmailMessage:
    message = EmailMessage()
    message["From"] = "ann@sender.example"
    message["To"] = "bob@kept.example"
    message["Subject"] = subject
    message.set_content(text)
    return message


@pytest.mark.parametrize("start", SERVERS)
def test_mail_small_and_large_arrives_unchanged(
    start: Callable[[], AbstractContextManager[MailServer]],
) -> None:
    """A6: dots, in one flight and in many packets, through DATA and through BDAT."""
    large = "".join(f".line {n}\n" for n in range(60_000))
    with start() as server:
        for subject, text in (("small", DOTS), ("large", large)):
            result = send_sync(letter(subject, text), server.host, server.port, tls="none")
            assert result.accepted["bob@kept.example"].code == 250
        kept = server.wait_for_mail(2)
        assert any(mail.endswith(b"\n\n" + DOTS.encode()) for mail in kept)
        assert any(mail.endswith(b"\n\n" + large.encode()) for mail in kept)


def test_postfix_verified_by_its_own_authority_takes_several_in_one_session() -> None:
    """A55: and is not trusted without it."""

    async def scenario(server: MailServer) -> None:
        context = client_context(verify=True, ca_file=server.folder / "ca.pem")
        async with Client(server.host, server.port, tls="verify", context=context) as client:
            for n in range(3):
                result = await client.send(letter(f"number {n}"), options=SendOptions(notify=Notify.NEVER))
                assert result.passed_dsn
            with pytest.raises(AllRecipientsRefused) as caught:
                await client.send(letter("no"), recipients=["eve@elsewhere.example"])
            assert caught.value.reply is not None
            assert caught.value.reply.enhanced_code.startswith("5.7")
            await client.send(letter("after a refusal"))

    with postfix(
        accept=["kept.example"], parameters={"smtpd_relay_restrictions": "reject_unauth_destination"}
    ) as server:
        asyncio.run(scenario(server))
        assert len(server.wait_for_mail(4)) == 4
        with pytest.raises(TlsFailed):
            send_sync(letter("no"), server.host, server.port, tls="verify")

"""Floor 5 · cli — what is left to do after `mailrail init`: records for the DNS, and the next commands. Pure."""

from collections.abc import Iterator, Sequence
from ipaddress import ip_address
from pathlib import Path
from shlex import quote

from mailrail.cli.init_answers import Answers
from mailrail.cli.words import table
from mailrail.config import DomainSettings, MailrailSettings


def dns_advice(answers: Answers, settings: MailrailSettings, addresses: Sequence[str]) -> Iterator[str]:
    """Say which records to set.

    Args:
        addresses: those from which this machine talks to the world.
    """
    public = [address for address in addresses if ip_address(address).is_global]
    yield "Records for the DNS"
    yield ""
    yield from (
        f"  {line}" for line in _rows([*_host(settings.hostname, public), *_domains(answers, settings)])
    )
    yield ""
    if not public:
        yield (
            f"  This machine has no public address ({', '.join(addresses) or 'none'}); write there the one that the "
            "world reaches it by."
        )
    if answers.smarthost:
        yield (
            "  All other mail leaves by the smarthost: put what its provider says into the SPF record, "
            "often include:NAME."
        )
    else:
        yield (
            "  The reverse name (PTR) is set where the address comes from: your provider, in its control panel. "
            "Without it most servers refuse your mail."
        )
    if any(not _is_backup(domain) for domain in settings.domain.values()):
        yield '  "~all" and "p=none" harm nothing; make them "-all" and "p=quarantine" once all your senders are listed.'


def _rows(records: Sequence[tuple[str, str, str]]) -> Iterator[str]:
    lines = table(("NAME", "TYPE", "VALUE"), records)
    next(lines)  # a zone file has no heads
    return lines


def _host(hostname: str, public: Sequence[str]) -> Iterator[tuple[str, str, str]]:
    for address in public or ["PUBLIC-ADDRESS"]:
        kind = "AAAA" if ":" in address else "A"
        yield f"{hostname}.", kind, address
    # RFC 7208 §2.3: notices have no sender, so that the name of the greeting is what is looked up.
    yield f"{hostname}.", "TXT", '"v=spf1 a -all"'
    for address in public:
        yield f"{ip_address(address).reverse_pointer}.", "PTR", f"{hostname}."


def _domains(answers: Answers, settings: MailrailSettings) -> Iterator[tuple[str, str, str]]:
    for name, domain in settings.domain.items():
        if domain.alias:
            continue  # the host itself, which its address leads to (RFC 5321 §5.1)
        # A backup must stand behind the primary, whose business the other records are.
        yield f"{name}.", "MX", f"{20 if _is_backup(domain) else 10} {settings.hostname}."
        if not _is_backup(domain):
            yield f"{name}.", "TXT", '"v=spf1 mx ~all"'
            yield f"_dmarc.{name}.", "TXT", f'"v=DMARC1; p=none; rua=mailto:postmaster@{name}"'


def _is_backup(domain: DomainSettings) -> bool:
    """Tell whether mail for *domain* goes on to the other hosts of its MX."""
    return not (domain.relay_to or domain.deliver)


def next_steps(answers: Answers, config: Path) -> Iterator[str]:
    """Say what to do now."""
    file = quote(str(config))
    yield "What to do next"
    yield ""
    if answers.users is not None:
        yield f"  mailrail user add NAME --config {file}"
        yield "      lets somebody log in at ports 587 and 465, and send anywhere as NAME"
    yield f"  mailrail doctor --config {file}"
    yield "      tells what is still missing, and how to mend it"
    yield f"  mailrail serve --config {file}"
    yield "      starts the server"
    yield "  mailrail commands link DIRECTORY"
    yield "      makes sendmail, mailq and newaliases there, for cron, PHP and mail programs"
    yield ""
    if any(int(address.rpartition(":")[2]) < 1024 for address in answers.listen):
        yield (
            "  Ports below 1024 want a right: start it as root, or under systemd with "
            "AmbientCapabilities=CAP_NET_BIND_SERVICE."
        )
    if not answers.relay and not answers.domains and answers.users is None:
        yield '  So far it takes mail for nobody: name a domain ([domain."..."]) or a network ([relay]) in the file.'
    backups = [name.partition("=")[0] for name in answers.domains if "=" not in name]
    if backups:
        yield (
            f"  For {', '.join(backups)} this is a backup: mail goes on to the MX hosts with a lower number. "
            "Where there is none, give the domain a relay_to."
        )
    here = [name.partition("=")[0] for name in answers.domains if name.partition("=")[2] == "maildir"]
    if here:
        yield (
            f"  Mail for {', '.join(here)} goes to /var/vmail/DOMAIN/NAME, as the account that mailrail runs as, but never as root: started as "
            'root, it needs one by [agent.maildir] user (kind = "maildir").'
        )
        if answers.users is None:
            yield (
                "  Every name there has a mailbox, so that strangers can make them: list the real ones in a table, and name that by mailboxes of the domain."
            )
    if not answers.postmaster:
        yield (
            f"  Nobody reads mail for root@{answers.hostname}, to which cron writes: name somebody, by "
            f'[domain."{answers.hostname}"] alias = {{ root = "ADDRESS", postmaster = "ADDRESS" }} and [report] postmaster.'
        )
    if answers.certificate is None and answers.acme_contact is None:
        yield (
            "  The certificate is self-signed: enough for other servers, but mail programs of people will complain. "
            "Name a better one by [[tls.certificate]]."
        )
    if answers.acme_contact is not None:
        yield f"  The certificate is fetched at the first start: the world must reach {answers.hostname} at port 80."

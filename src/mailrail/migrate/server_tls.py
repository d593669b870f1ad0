"""Floor 5 · migrate — the certificates that Postfix shows, and how much TLS it speaks: [tls] and routing.tls."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from mailrail.migrate.draft import Draft
from mailrail.migrate.hops import security_level
from mailrail.migrate.lookups import line_subject, tables_of
from mailrail.migrate.maps import read_lines
from mailrail.migrate.master import Service
from mailrail.migrate.report import Subject

_OLD: Final = ("TLSV1", "TLSV1.1", "SSLV2", "SSLV3")


def write_tls(draft: Draft, services: Sequence[Service]) -> None:
    """Write certificates, versions, and how much TLS next hops must give."""
    _write_certificates(draft, services)
    _write_server_level(draft)
    for name in (
        "smtpd_tls_protocols",
        "smtpd_tls_mandatory_protocols",
        "smtp_tls_protocols",
        "smtp_tls_mandatory_protocols",
        "lmtp_tls_protocols",
        "lmtp_tls_mandatory_protocols",
    ):
        if draft.postfix.is_set(name):
            _write_versions(draft, name)
    _write_client_level(draft)
    draft.needless("smtpd_tls_auth_only", "Logins are offered under TLS only, always.")


# --- Towards clients ----------------------------------------------------------------


def _write_certificates(draft: Draft, services: Sequence[Service]) -> None:
    pairs: dict[tuple[str, str], list[Subject]] = {}
    for service in (None, *services):
        for pair, subjects in _pairs(draft, service):
            known = pairs.setdefault(pair, [])
            known += [subject for subject in subjects if subject not in known]
    pairs |= {pair: subjects for pair, subjects in _by_name(draft) if pair not in pairs}
    for (chain, key), subjects in pairs.items():
        table = ("tls", "certificate", len(draft.get(("tls", "certificate")) or ()))
        draft.tree.setdefault("tls", {}).setdefault("certificate", []).append({})
        draft.put((*table, "chain"), draft.postfix.place(chain), subjects[0])
        draft.put((*table, "key"), draft.postfix.place(key), subjects[-1])
    if len(pairs) > 1:
        words = "Certificates are chosen by the name that a client asks for; of two for one name the first is shown."
        for subjects in pairs.values():
            draft.look(subjects[0], words)


def _pairs(draft: Draft, service: Service | None) -> Iterator[tuple[tuple[str, str], list[Subject]]]:
    postfix = draft.postfix

    def where(name: str) -> Subject:
        return Subject(
            name, service=service.label if service is not None and name in service.overrides else ""
        )

    files = postfix.words("smtpd_tls_chain_files", service)
    if files:
        for pair in chain_pairs(draft, files):
            yield pair, [where("smtpd_tls_chain_files")]
        for name in ("cert_file", "key_file", "eccert_file", "eckey_file"):
            draft.needless(where(f"smtpd_tls_{name}"), "smtpd_tls_chain_files stands in its place.")
        return
    for certificate, key in (
        ("smtpd_tls_eccert_file", "smtpd_tls_eckey_file"),
        ("smtpd_tls_cert_file", "smtpd_tls_key_file"),
    ):
        chain = postfix.value(certificate, service)
        if chain and chain != "none":
            own = postfix.value(key, service)
            is_same = own == chain and not postfix.is_set(key)
            yield (chain, own), [where(certificate)] if is_same else [where(certificate), where(key)]
        else:
            draft.needless(where(certificate), "It names nothing.")
            draft.needless(where(key), "There is no certificate that it belongs to.")


def chain_pairs(draft: Draft, files: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield chain and key for the files of smtpd_tls_chain_files: each key begins a pair, with the chain behind it. Blocks."""
    key = ""
    for file in files:
        kinds = _kinds(draft.postfix.file(file))
        if kinds == {"key"}:
            key = file
        elif "key" in kinds or not key:
            yield file, file
            key = ""
        else:
            yield file, key


def _kinds(file: Path) -> set[str]:
    try:
        lines = [line.text for line in read_lines(file)]
    except OSError:
        return set()  # not on this machine: mostly one file holds both
    found = {"key" for line in lines if line.startswith("-----BEGIN") and "PRIVATE KEY" in line}
    return found | {"chain" for line in lines if line.startswith("-----BEGIN CERTIFICATE")}


def _by_name(draft: Draft) -> Iterator[tuple[tuple[str, str], list[Subject]]]:
    """Yield the certificates of tls_server_sni_maps."""
    name = "tls_server_sni_maps"
    for table, entries in tables_of(draft, name):
        for entry in entries:
            files = entry.value.replace(",", " ").split()
            for pair in chain_pairs(draft, files):
                yield pair, [line_subject(name, table, entry)]


def _write_server_level(draft: Draft) -> None:
    name = "smtpd_tls_security_level"
    level = draft.postfix.value(name).lower()
    for old in ("smtpd_use_tls", "smtpd_enforce_tls"):
        if draft.postfix.is_on(old):
            draft.needless(old, "STARTTLS is offered by itself.")
        else:
            draft.needless(old, "It is an old word for smtpd_tls_security_level.")
    if level == "none" and not draft.get(("tls", "certificate")):
        draft.put(("tls", "self_signed"), False, name)
    elif level == "none":
        draft.look(name, "A certificate is named, and so STARTTLS is offered.")
    else:
        draft.needless(
            name, "STARTTLS is offered by itself, with a self-signed certificate where there is no other."
        )


def _write_versions(draft: Draft, name: str) -> None:
    words = [word.strip() for word in draft.postfix.words(name)]
    refused = {word.lstrip("!").upper() for word in words if word.startswith("!")}
    floor = next((word[2:].strip().upper() for word in words if word.startswith(">=")), "")
    listed = {word.upper() for word in words if word[:1] not in ("!", ">", "<")}
    is_only_13 = floor in ("TLSV1.3", "0304") or listed == {"TLSV1.3"} or "TLSV1.2" in refused
    if is_only_13 and name.startswith("smtpd_"):
        draft.put(("tls", "minimum_version"), "1.3", name)
    elif is_only_13:
        draft.look(name, "Next hops may speak TLS 1.2, too.")
    elif (
        floor in ("TLSV1.2", "0303") or {"TLSV1", "TLSV1.1"} <= refused or (listed and not listed & set(_OLD))
    ):
        draft.taken(name, "TLS 1.2 is the oldest version that is spoken.")
    else:
        draft.unsupported(
            name,
            "TLS before 1.2 is not spoken (RFC 8996). A peer that knows nothing newer gets the mail without TLS.",
        )


# --- Towards next hops --------------------------------------------------------------


def _write_client_level(draft: Draft) -> None:
    level, subject = security_level(draft.postfix, "smtp")
    if draft.postfix.is_set(subject.name):
        match level:
            case "none" | "":
                draft.put(("routing", "tls"), "none", subject)
            case "may" | "dane":
                draft.put(("routing", "tls"), "may", subject)
            case "encrypt" | "dane-only":
                draft.put(("routing", "tls"), "encrypt", subject)
            case "verify" | "secure" | "fingerprint":
                draft.put(("routing", "tls"), "verify", subject)
            case _:
                draft.look(
                    subject,
                    f"{level!r} is no level that this command knows; routing.tls keeps its default, may.",
                )
    if level in ("dane", "dane-only"):
        draft.look(
            subject,
            f"DANE is not supported yet: {'TLS is asked for' if level == 'dane-only' else 'TLS is used where it is offered'}, but whom it is spoken with is not verified.",
        )
    elif level == "fingerprint":
        draft.look(
            subject,
            "Certificates cannot be pinned: next hops are verified by name and authority, and mail waits where that fails.",
        )
    for prefix in ("smtp", "lmtp"):
        for old in ("use_tls", "enforce_tls"):
            draft.needless(f"{prefix}_{old}", f"It is an old word for {prefix}_tls_security_level.")


def tell_unused(draft: Draft) -> None:
    """Say of what belongs to single next hops, and was not used by one, why."""
    for name in ("smtpd_tls_CAfile", "smtpd_tls_CApath", "smtpd_tls_ask_ccert", "smtpd_tls_req_ccert"):
        if not draft.is_told(name):
            draft.needless(
                name, "No listener asks clients for a certificate; what we show stands in its chain file."
            )
    for prefix in ("smtp", "lmtp"):
        for name in ("CAfile", "CApath"):
            subject = f"{prefix}_tls_{name}"
            if not draft.is_told(subject):
                draft.needless(
                    subject,
                    "The system's authorities vouch for next hops; for one that others vouch for: route.ca_file.",
                )
        for name in ("secure_cert_match", "verify_cert_match"):
            draft.needless(
                f"{prefix}_tls_{name}", "A next hop's certificate must be for the name that mail is sent to."
            )
        for name in ("cert_file", "key_file", "eccert_file", "eckey_file", "chain_files"):
            subject = f"{prefix}_tls_{name}"
            if draft.postfix.is_set(subject) and not draft.is_told(subject):
                draft.look(subject, "A certificate is shown to single next hops only: route.certificate.")

"""What single lines of Postfix's become."""

from pathlib import Path
from typing import Any

import pytest
from tests.unit.migrate.house import HOST, MASTER, fates, imported, settings, words

from mailrail.migrate import Fate

SUBMISSION = (
    MASTER
    + "submission inet n - n - - smtpd -o smtpd_sasl_auth_enable=yes -o smtpd_tls_security_level=encrypt\n"
)
DOVECOT = "smtpd_sasl_type = dovecot\nsmtpd_sasl_path = private/auth\n"


@pytest.mark.parametrize(
    ("main", "path", "value"),
    [
        # Limits and times; a time without a unit has that of its default.
        ("message_size_limit = 20000000", ("limits", "message_bytes"), "20 MB"),
        ("message_size_limit = 0", ("limits", "message_bytes"), "1024 GiB"),
        ("smtpd_hard_error_limit = 7", ("limits", "errors"), 7),
        ("smtpd_hard_error_limit = ${stress?{1}:{30}}", ("limits", "errors"), 30),
        ("smtpd_client_connection_count_limit = 0", ("limits", "connections_per_client"), 1_000_000),
        ("maximal_queue_lifetime = 3", ("queue", "retry", "give_up_s"), "3d"),
        ("delay_warning_time = 2", ("queue", "retry", "warn_s"), "2h"),
        ("minimal_backoff_time = 100", ("queue", "retry", "first_s"), 100),
        ("smtp_data_done_timeout = 20m", ("client", "end_s"), "20m"),
        ("default_destination_rate_delay = 2s", ("queue", "rate"), 0.5),
        ("smtp_destination_concurrency_limit = 7", ("queue", "window", "most"), 7),
        # Who we are, and from where.
        ("mydomain = example.org\nrelayhost = [gw.$mydomain]", ("route", 0, "next_hop"), "gw.example.org"),
        ("inet_protocols = ipv6", ("routing", "ip_version"), "6"),
        ("smtp_bind_address = 192.0.2.1", ("delivery", "source_ipv4"), "192.0.2.1"),
        ("smtp_address_preference = ipv6", ("routing", "first"), "6"),
        ("notify_classes = 2bounce\n2bounce_notice_recipient = a@b.example", ("report", "postmaster"), "a@b.example"),
        # Who may relay.
        ("mynetworks = 10.0.0.0/8 [2001:db8::]/32, [::1]", ("relay", "networks"), ["10.0.0.0/8", "2001:db8::/32", "::1"]),
        ("mynetworks = !10.0.0.1, 10.0.0.0/30", ("relay", "networks"), ["10.0.0.0", "10.0.0.2/31"]),
        ("mynetworks = 10.0.0.0/30, !10.0.0.1", ("relay", "networks"), ["10.0.0.0/30"]),
        ("mynetworks_style = host", ("relay", "networks"), ["127.0.0.0/8", "::1"]),
        ("mynetworks = 10.0.0.0/8\nsmtpd_relay_restrictions = reject_unauth_destination", ("relay", "networks"), []),
        # Next hops.
        ("relayhost = [smtp.example.org]:587", ("route", 0), {"match": "*", "next_hop": "smtp.example.org:587"}),
        ("relayhost = [2001:db8::1]", ("route", 0), {"match": "*", "next_hop": "[2001:db8::1]"}),
        ("relayhost = smtp.example.org", ("route", 0), {"match": "*", "next_hop": "smtp.example.org"}),
        ("default_transport = smtp:[10.0.0.1]:26", ("route", 0), {"match": "*", "next_hop": "10.0.0.1:26"}),
        ("relayhost = [a.example]\nsmtp_tls_wrappermode = yes\nsmtp_tls_security_level = encrypt", ("route", 0, "implicit_tls"), True),
        ("relay_domains = a.example\nrelay_transport = smtp:[10.0.0.1]", ("domain", "a.example"), {"relay_to": "10.0.0.1"}),
        ("relay_domains = a.example\nrelay_transport = lmtp:[10.0.0.1]", ("domain", "a.example"), {"relay_to": "10.0.0.1", "lmtp": True}),
        # How much TLS.
        ("smtp_tls_security_level = none", ("routing", "tls"), "none"),
        ("smtp_tls_security_level = secure", ("routing", "tls"), "verify"),
        ("smtp_tls_security_level = dane-only", ("routing", "tls"), "encrypt"),
        ("smtp_use_tls = yes\nrelayhost = [a.example]", ("route", 0), {"match": "*", "next_hop": "a.example"}),
        ("smtpd_tls_security_level = none", ("tls", "self_signed"), False),
        ("smtpd_tls_protocols = TLSv1.3", ("tls", "minimum_version"), "1.3"),
        ("smtpd_tls_protocols = >=TLSv1.3", ("tls", "minimum_version"), "1.3"),
        ("smtpd_tls_cert_file = /c\nsmtpd_tls_key_file = /k", ("tls", "certificate"), [{"chain": "/c", "key": "/k"}]),
        ("smtpd_tls_cert_file = /c", ("tls", "certificate"), [{"chain": "/c", "key": "/c"}]),
        # Who lives here.
        ("mydestination = a.example\nalias_maps =", ("domain", "a.example", "deliver"), "local"),
        ("mydestination = a.example", ("agent", "local"), {"kind": "mbox", "path": "/var/mail/{local_part}", "user": "{local_part}"}),
        ("mydestination = a.example\nhome_mailbox = mail/in", ("agent", "local", "path"), "{home}/mail/in"),
        ("mydestination = a.example\nmail_spool_directory = /v/", ("agent", "local", "kind"), "maildir"),
        (
            'mydestination = a.example\nmailbox_command = /usr/bin/procmail -a "$EXTENSION" USER=$USER',
            ("agent", "local", "command"),
            ["/usr/bin/procmail", "-a", "{detail}", "USER={local_part}"],
        ),
        ("mydestination = a.example\nmailbox_command = procmail | cat", ("agent", "local", "kind"), "error"),
        ("mydestination = a.example\nlocal_transport = lmtp:unix:/run/l", ("domain", "a.example", "relay_to"), "unix:/run/l"),
        ("mydestination = a.example\nrecipient_delimiter = -", ("domain", "a.example", "separators"), "-"),
        ("virtual_mailbox_domains = a.example\nvirtual_transport = discard:", ("domain", "a.example", "deliver"), "discard"),
        ("virtual_mailbox_domains = a.example\nvirtual_transport = error:4.3.0 later", ("agent", "error-1", "reply"), "450 4.3.0 later"),
    ],
)  # fmt: skip
def test_a_line_becomes_a_setting(main: str, path: tuple[str | int, ...], value: object) -> None:
    found: Any = settings(imported(main + "\n"))
    for part in path:
        found = found[part]
    assert found == value


@pytest.mark.parametrize(
    ("main", "name", "part", "fate"),
    [
        ("message_size_limit = 1000", "message_size_limit", "", Fate.LOOK),
        ("maximal_queue_lifetime = soon", "maximal_queue_lifetime", "", Fate.LOOK),
        ("minimal_backoff_time = 1d", "minimal_backoff_time", "", Fate.LOOK),
        ("relayhost = smtp.example.org", "relayhost", "", Fate.LOOK),
        ("relayhost = [a b]", "relayhost", "", Fate.LOOK),
        ("mynetworks_style = subnet", "mynetworks_style", "", Fate.LOOK),
        ("mynetworks = 10.0.0.0/8 friend.example", "mynetworks", "friend.example", Fate.LOOK),
        ("mynetworks = /no/file", "mynetworks", "/no/file", Fate.LOOK),
        ("inet_interfaces = $myhostname", "inet_interfaces", "", Fate.LOOK),
        ("relay_domains = a.example mysql:/x.cf", "relay_domains", "mysql:/x.cf", Fate.LOOK),
        ("sender_dependent_relayhost_maps = hash:/x", "sender_dependent_relayhost_maps", "", Fate.UNSUPPORTED),
        ("smtpd_milters = inet:127.0.0.1:8891", "smtpd_milters", "", Fate.UNSUPPORTED),
        ("smtpd_tls_protocols = !SSLv2", "smtpd_tls_protocols", "", Fate.UNSUPPORTED),
        ("smtpd_tls_protocols = !TLSv1 !TLSv1.1", "smtpd_tls_protocols", "", Fate.TAKEN_OVER),
        ("smtp_tls_CAfile = /etc/ssl/certs/ca-certificates.crt", "smtp_tls_CAfile", "", Fate.NEEDLESS),
        ("myhostname = box", "myhostname", "", Fate.LOOK),
        ("virtual_mailbox_domains = a.example\nvirtual_mailbox_base = srv", "virtual_mailbox_base", "", Fate.LOOK),
        ("canonical_maps = hash:/no/file", "canonical_maps", "", Fate.LOOK),
        ("canonical_maps = mysql:/no/file", "canonical_maps", "", Fate.UNSUPPORTED),
        ("smtpd_sender_restrictions = reject_sender_login_mismatch", "smtpd_sender_restrictions", "reject_sender_login_mismatch", Fate.TAKEN_OVER),
        ("smtpd_client_restrictions = reject_rbl_client b.example", "smtpd_client_restrictions", "reject_rbl_client b.example", Fate.UNSUPPORTED),
        ("smtpd_recipient_restrictions = check_policy_service unix:p", "smtpd_recipient_restrictions", "check_policy_service unix:p", Fate.UNSUPPORTED),
        ("smtpd_recipient_restrictions = my_class\nsmtpd_restriction_classes = my_class", "smtpd_recipient_restrictions", "my_class", Fate.UNSUPPORTED),
        ("smtpd_recipient_restrictions = made_up", "smtpd_recipient_restrictions", "made_up", Fate.LOOK),
        ("smtpd_helo_restrictions = permit_mynetworks", "smtpd_helo_restrictions", "permit_mynetworks", Fate.NEEDLESS),
    ],
)  # fmt: skip
def test_a_line_has_its_fate(main: str, name: str, part: str, fate: Fate) -> None:
    result = imported(main + "\n")
    assert fates(result, name).get(part) is fate, fates(result, name)
    assert words(result, name, part) or fate is Fate.TAKEN_OVER


@pytest.mark.parametrize(
    ("main", "master", "listeners"),
    [
        ("inet_protocols = ipv4", MASTER, [("0.0.0.0:25", "mx", False)]),
        ("inet_interfaces = loopback-only", MASTER, [("127.0.0.1:25", "internal", False), ("[::1]:25", "internal", False)]),
        ("inet_interfaces = localhost\ninet_protocols = ipv6", MASTER, [("[::1]:25", "internal", False)]),
        ("inet_interfaces = 192.0.2.1", MASTER, [("192.0.2.1:25", "mx", False)]),
        ("", "[::1]:2525 inet n - n - - smtpd\n", [("[::1]:2525", "internal", False)]),
        ("", "192.0.2.1:smtps inet n - n - - smtpd -o smtpd_tls_wrappermode=yes\n", [("192.0.2.1:465", "submission", True)]),
        (
            "inet_protocols = ipv4",
            "26 inet n - n - - smtpd -o { smtpd_client_restrictions = permit_sasl_authenticated, reject }\n",
            [("0.0.0.0:26", "submission", False)],
        ),
        (
            "inet_protocols = ipv4",
            "smtp inet n - n - 1 postscreen\nsmtpd pass - - n - - smtpd -o smtpd_tls_req_ccert=yes\n",
            [("0.0.0.0:25", "mx", False)],
        ),
        ("inet_protocols = ipv4\nsmtpd_sasl_auth_enable = yes", MASTER, [("0.0.0.0:25", "mx", False), ("0.0.0.0:587", "submission", False)]),
        ("", "99999 inet n - n - - smtpd\n", [("127.0.0.1:25", "internal", False)]),
        ("", "pickup unix n - n 60 1 pickup\n", [("127.0.0.1:25", "internal", False)]),
    ],
)  # fmt: skip
def test_each_smtpd_is_a_listener_with_a_role(
    main: str, master: str, listeners: list[tuple[str, str, bool]]
) -> None:
    found = settings(imported(main + "\n", master))["listener"]
    assert [(one["address"], one["role"], one.get("implicit_tls", False)) for one in found] == listeners


def test_logins_are_checked_by_the_dovecot_that_postfix_asked() -> None:
    found = settings(imported(DOVECOT, SUBMISSION))
    assert found["users"] == {"dovecot": "/var/spool/postfix/private/auth"}
    assert found["submission"] == {"check_sender": False, "check_from": False}


def test_those_who_log_in_send_as_themselves_where_postfix_saw_to_it() -> None:
    main = (
        DOVECOT
        + "smtpd_sender_restrictions = reject_sender_login_mismatch\nsmtpd_sender_login_maps = hash:/x\n"
    )
    result = imported(main, SUBMISSION)
    assert "submission" not in settings(result)
    assert "may_send_as" in words(result, "smtpd_sender_login_maps")


def test_a_login_by_cyrus_has_to_be_set_up_anew() -> None:
    result = imported("", SUBMISSION)
    assert "users" not in settings(result)
    assert "mailrail user add" in words(result, "smtpd_sasl_auth_enable", service="submission/inet")


LOGIN = "relayhost = [smtp.example.org]:587\nsmtp_sasl_auth_enable = yes\nsmtp_sasl_password_maps = "


@pytest.mark.parametrize(
    ("maps", "lines"),
    [
        ("hash:/etc/postfix/sasl", "[smtp.example.org]:587  ann:s:e cret\n"),
        ("texthash:/etc/postfix/sasl", "# c\nsmtp.example.org  ann:s:e cret\n"),
        ("static:{ann:s:e cret}", ""),
        ("inline:{ { smtp.example.org = ann:s:e cret } }", ""),
    ],
)
def test_a_password_goes_into_a_file_of_its_own_and_nowhere_else(
    tmp_path: Path, maps: str, lines: str
) -> None:
    result = imported(LOGIN + maps + "\n", directory=tmp_path, sasl=lines)
    (route,) = settings(result)["route"]
    assert route["login"] == {"user": "ann", "password_file": "/etc/mailrail/smtp.example.org.password"}
    (file,) = result.files.values()
    assert (file.content, file.is_secret) == ("s:e cret\n", True)
    assert "s:e cret" not in result.toml + result.report.as_text() + result.report.as_json()


def test_a_secret_of_old_style_database_parameters_is_not_repeated() -> None:
    result = imported("virtual_mysql_password = geheim\nldap_bind_pw = geheim\n")
    assert "geheim" not in result.report.as_text() + result.report.as_json()
    assert "(hidden)" in result.report.as_text()


@pytest.mark.parametrize(
    ("level", "route", "has_word"),
    [
        ("may", {}, True),
        ("encrypt", {}, True),
        ("verify", {}, False),
        ("verify\nsmtp_tls_CAfile = /ca.pem", {"ca_file": "/ca.pem"}, False),
        ("encrypt\nsmtp_tls_CAfile = /ca.pem", {"ca_file": "/ca.pem"}, True),
    ],
)
def test_a_login_leaves_under_verified_tls_and_a_word_says_so_where_it_did_not(
    tmp_path: Path, level: str, route: dict[str, object], has_word: bool
) -> None:
    main = LOGIN + f"hash:/etc/postfix/sasl\nsmtp_tls_security_level = {level}\n"
    result = imported(main, directory=tmp_path, sasl="smtp.example.org ann:x\n")
    (found,) = settings(result)["route"]
    assert {key: found[key] for key in found if key not in ("match", "next_hop", "login")} == route
    assert bool(words(result, "smtp_sasl_auth_enable")) is has_word


def test_transports_become_routes_the_most_special_first(tmp_path: Path) -> None:
    transport = (
        "*              smtp:[10.0.0.1]\n"
        ".b.example     smtp:[10.0.0.2]:26\n"
        ".a.b.example   smtp:\n"
        "c.example      slow:[10.0.0.3]\n"
        "d.example      :[10.0.0.4]\n"
        "e.example      discard:silently\n"
        "f.example      error:5.7.1 go away\n"
        "ours.example   lmtp:unix:/run/lmtp\n"
        "g.example      :\n"
        "ann@c.example  smtp:[10.0.0.9]\n"
    )
    main = (
        "transport_maps = hash:/etc/postfix/transport\nrelayhost = [10.0.0.5]\nsmtp_tls_security_level = may\n"
        "relay_domains = ours.example\n"
    )
    master = MASTER + "slow unix - - n - - smtp -o smtp_tls_security_level=encrypt\n"
    result = imported(main, master, tmp_path, transport=transport)
    found = settings(result)
    assert found["domain"] == {"ours.example": {"relay_to": "unix:/run/lmtp", "lmtp": True}}
    assert found["route"] == [
        {"match": "c.example", "next_hop": "10.0.0.3", "tls": "encrypt"},
        {"match": "d.example", "next_hop": "10.0.0.4"},
        {"match": "e.example", "deliver": "discard"},
        {"match": "f.example", "deliver": "error-1"},
        {"match": "g.example", "next_hop": "10.0.0.5"},
        {"match": "*.a.b.example"},
        {"match": "*.b.example", "next_hop": "10.0.0.2:26"},
        {"match": "*", "next_hop": "10.0.0.1"},
    ]
    assert found["agent"]["error-1"]["reply"] == "550 5.7.1 go away"
    assert fates(result, "relayhost") == {"": Fate.NEEDLESS}
    assert fates(result, "transport_maps")["/etc/postfix/transport:10 ann@c.example"] is Fate.UNSUPPORTED


def test_policies_for_domains_become_routes_by_mx(tmp_path: Path) -> None:
    policy = "a.example secure match=nexthop\n.b.example encrypt\n[c.example]:26 none\n"
    main = "smtp_tls_policy_maps = hash:/etc/postfix/policy\nsmtp_tls_security_level = may\n"
    result = imported(main, directory=tmp_path, policy=policy)
    assert settings(result)["route"] == [
        {"match": "a.example", "tls": "verify"},
        {"match": "*.b.example", "tls": "encrypt"},
    ]
    parts = fates(result, "smtp_tls_policy_maps")
    assert parts["/etc/postfix/policy:1 a.example"] is Fate.LOOK
    assert parts["/etc/postfix/policy:3 [c.example]:26"] is Fate.NEEDLESS


def test_keys_and_chains_in_files_of_their_own_are_put_together(tmp_path: Path) -> None:
    key, chain = "-----BEGIN PRIVATE KEY-----\n", "-----BEGIN CERTIFICATE-----\n"
    main = "smtpd_tls_chain_files = /etc/postfix/k1, /etc/postfix/c1, /etc/postfix/both\n"
    found = settings(imported(main, directory=tmp_path, k1=key, c1=chain, both=key + chain))
    assert found["tls"]["certificate"] == [
        {"chain": f"{tmp_path}/c1", "key": f"{tmp_path}/k1"},
        {"chain": f"{tmp_path}/both", "key": f"{tmp_path}/both"},
    ]


def test_certificates_by_name_are_taken_over(tmp_path: Path) -> None:
    main = "smtpd_tls_cert_file = /c\ntls_server_sni_maps = hash:/etc/postfix/sni\n"
    found = settings(imported(main, directory=tmp_path, sni="a.example /k.pem, /c.pem\n"))
    assert found["tls"]["certificate"][0] == {"chain": "/c", "key": "/c"}
    assert len(found["tls"]["certificate"]) > 1


MAILBOXES = (
    "virtual_mailbox_domains = a.example\nvirtual_mailbox_base = /srv/mail\n"
    "virtual_mailbox_maps = hash:/etc/postfix/boxes\n"
)


@pytest.mark.parametrize(
    ("boxes", "kind", "path", "odd"),
    [
        ("ann@a.example a.example/ann/\n", "maildir", "/srv/mail/{domain}/{local_part}", ""),
        ("ann@a.example a.example/ann/Maildir/\n", "maildir", "/srv/mail/{domain}/{local_part}/Maildir", ""),
        ("ann@a.example ann@a.example/\n", "maildir", "/srv/mail/{local_part}@{domain}", ""),
        ("Ann@A.example box/ann\n", "mbox", "/srv/mail/box/{local_part}", ""),
        ("ann@a.example ann/\nbob@a.example bob/\ncarl@a.example shared/\n", "maildir", "/srv/mail/{local_part}", "carl@a.example: shared/"),
    ],
)  # fmt: skip
def test_the_paths_of_mailboxes_become_one_template(
    tmp_path: Path, boxes: str, kind: str, path: str, odd: str
) -> None:
    result = imported(MAILBOXES, directory=tmp_path, boxes=boxes)
    found = settings(result)
    assert found["agent"]["virtual"] == {"kind": kind, "path": path}
    assert found["domain"]["a.example"] == {"deliver": "virtual", "mailboxes": ["boxes"], "separators": ""}
    assert odd in words(result, "virtual_mailbox_maps")


def test_classes_are_told_by_their_tables_where_main_cf_names_no_domains(tmp_path: Path) -> None:
    main = "virtual_alias_maps = hash:/etc/postfix/virtual\n"
    virtual = "a.example  anything\ninfo@a.example  ann@b.example\nfoo@c.example  x@b.example\n"
    result = imported(main, directory=tmp_path, virtual=virtual)
    assert settings(result)["domain"] == {"a.example": {"aliases": ["virtual"], "separators": ""}}
    assert "foo@c.example" in words(result, "virtual_alias_maps")


def test_targets_without_a_domain_are_written_out_for_they_mean_another_one_here(tmp_path: Path) -> None:
    main = "myorigin = example.com\nvirtual_alias_domains = a.example\nvirtual_alias_maps = hash:/etc/postfix/v\n"
    virtual = "info@a.example  ann, bob@b.example\n@a.example  carl\n"
    result = imported(main, directory=tmp_path, v=virtual)
    assert settings(result)["table"]["v"]["file"] == "/etc/mailrail/v"
    (file,) = result.files.values()
    assert not file.is_secret
    assert file.content.splitlines()[1:] == [
        "info@a.example  ann@example.com, bob@b.example",
        "@a.example  carl@example.com",
    ]


def test_canonical_maps_and_masquerading_are_taken_over(tmp_path: Path) -> None:
    main = (
        "myorigin = example.com\ncanonical_maps = hash:/etc/postfix/both\nsender_canonical_maps = hash:/etc/postfix/senders\n"
        "masquerade_domains = !a.example.com, example.com\nmasquerade_exceptions = root\nmasquerade_classes = envelope_sender\n"
    )
    result = imported(main, directory=tmp_path, both="ann@example.com Ann.B\n", senders="bob b@example.com\n")
    assert settings(result)["canonical"] == {
        "sender": ["senders", "both"],
        "recipient": ["both"],
        "masquerade": ["!a.example.com", "example.com"],
        "masquerade_except": ["root"],
    }
    assert result.files["both"].content.endswith("\nann@example.com  Ann.B@example.com\n")
    assert fates(result, "masquerade_classes") == {"": Fate.LOOK}


@pytest.mark.parametrize(
    ("main", "maildrop"),
    [
        ("", {"access": "everyone"}),
        ("myorigin = /etc/postfix/mailname", {"access": "everyone", "origin": "example.com"}),
        ("authorized_submit_users = www-data, root", {"access": "everyone", "users": ["www-data", "root"]}),
        ("authorized_submit_users =", {"access": "nobody"}),
    ],
)
def test_who_may_hand_in_mail_by_sendmail_still_may(
    tmp_path: Path, main: str, maildrop: dict[str, object]
) -> None:
    found = settings(imported(main + "\n", directory=tmp_path, mailname="example.com\n"))
    assert found["maildrop"] == maildrop


def test_names_without_a_domain_are_told_where_other_domains_ask_for_them_too(tmp_path: Path) -> None:
    main = "virtual_alias_domains = a.example\nvirtual_alias_maps = hash:/etc/postfix/v\n"
    result = imported(main, directory=tmp_path, v="root  ann@b.example\n@a.example  x@b.example\n")
    assert "root for one" in words(result, "virtual_alias_maps")


def test_next_hops_are_asked_ahead_where_postfix_asked_them() -> None:
    main = (
        "relay_domains = a.example\nmydestination = b.example\nvirtual_alias_domains = c.example\n"
        "virtual_alias_maps = inline:{ ann@c.example=x@d.example }\n"
        "smtpd_recipient_restrictions = reject_unverified_recipient, permit_mynetworks\n"
    )
    result = imported(main)
    found = settings(result)["domain"]
    assert found.pop("a.example") == {"verify": True}
    assert not any("verify" in table for table in found.values())
    assert words(result, "smtpd_recipient_restrictions", "reject_unverified_recipient").endswith(
        "asked: a.example."
    )
    result = imported("smtpd_recipient_restrictions = reject_unverified_recipient\n")
    assert fates(result, "smtpd_recipient_restrictions") == {"reject_unverified_recipient": Fate.NEEDLESS}


def test_a_program_in_master_cf_becomes_an_agent() -> None:
    master = MASTER + (
        "lda unix - n n - - pipe flags=DRhu user=vmail:mail directory=/srv argv=/usr/lib/dovecot/deliver -f ${sender} "
        "-d ${user}@${domain} -a ${recipient} -n ${nexthop}\n"
    )
    result = imported("virtual_mailbox_domains = a.example\nvirtual_transport = lda\n", master)
    assert settings(result)["agent"]["pipe-lda"] == {
        "kind": "pipe",
        "command": [
            "/usr/lib/dovecot/deliver", "-f", "{sender}", "-d", "{local_part}@{domain}", "-a", "{recipient}", "-n", "{domain}",
        ],
        "user": "vmail",
        "group": "mail",
        "directory": "/srv",
    }  # fmt: skip


def test_each_value_stands_below_the_line_that_it_comes_from() -> None:
    toml = imported("relayhost = [smtp.example.org]:587\n").toml
    assert "# <- main.cf:4: relayhost = [smtp.example.org]:587\nnext_hop" in toml
    assert f"# <- main.cf:2: myhostname = {HOST}\nhostname" in toml


def test_nothing_that_postfix_holds_can_break_a_line_of_the_settings_file() -> None:
    result = imported("relayhost = [a.example]\x1b]0;x\x07\nsmtpd_banner = \x00\u2028x\n")
    assert settings(result)["hostname"] == HOST
    assert not any(char in result.toml + result.report.as_text() for char in "\x00\x07\x1b\u2028")


def test_the_report_counts_and_says_the_same_only_once() -> None:
    report = imported("biff = no\nqueue_run_delay = 1h\nqmgr_fudge_factor = 2\n").report
    text = report.as_text()
    assert text.startswith(f"{len(report.entries)} settings of Postfix: ")
    assert "  main.cf:5: queue_run_delay = 1h\n  main.cf:6: qmgr_fudge_factor = 2\n" in text
    assert '"fate": "no_longer_needed"' in report.as_json()

"""Floor 5 · migrate — parameters that need no decision: what becomes of each, and why. Data only.

Names are those of `postfix-3.7.cf`, in which `*` stands for anything; the first line that fits counts. What depends on a value is
decided in the other files of this room, before anybody looks here. A test sweeps every parameter of Postfix 3.7.
"""

import re
from dataclasses import dataclass
from fnmatch import translate
from functools import cache
from typing import Final

from mailrail.migrate.report import Fate


@dataclass(frozen=True, slots=True)
class Lore:
    """What is known of some parameters."""

    names: tuple[str, ...]
    fate: Fate
    text: str


def _needless(names: str, text: str) -> Lore:
    return Lore(tuple(names.split()), Fate.NEEDLESS, text)


def _unsupported(names: str, text: str) -> Lore:
    return Lore(tuple(names.split()), Fate.UNSUPPORTED, text)


def _look(names: str, text: str) -> Lore:
    return Lore(tuple(names.split()), Fate.LOOK, text)


LORE: Final = (
    # --- One program instead of many ----------------------------------------------------
    _needless(
        "compatibility_level mail_version mail_release_date",
        "It chooses between defaults of Postfix; mailrail has its own, and this file says what differs.",
    ),
    _needless(
        "*_service_name service_name process_name process_id process_id_directory ipc_* *_ipc_timeout max_idle max_use "
        "daemon_timeout *_daemon_timeout *_watchdog_timeout default_process_limit fork_* service_throttle_time trigger_timeout "
        "application_event_drain_time in_flow_delay import_environment export_environment stale_lock_time queue_file_* "
        "hash_queue_* trigger* master_service_disable daemon_table_open_error_is_fatal transport_retry_time dont_remove",
        "mailrail is one program without queue daemons, queue files and their hashes: nothing has to find, start or time another.",
    ),
    _needless(
        "queue_directory data_directory command_directory daemon_directory config_directory shlib_directory meta_directory "
        "html_directory readme_directory manpage_directory sample_directory sendmail_path mailq_path newaliases_path "
        "openssl_path alternate_config_directories",
        "It says where Postfix keeps its parts. mailrail keeps all that it must not lose in spool.path.",
    ),
    _needless(
        "mail_owner setgid_group default_privs",
        "mailrail runs as the user that starts it, systemd's User= for one, and needs no group of its own for the commands.",
    ),
    _needless(
        "multi_instance_* postmulti_*",
        "Each mailrail has a settings file and a spool of its own: start several by several --config.",
    ),
    _needless(
        "syslog_* maillog_* postlog* respectful_logging smtpd_client_port_logging qmqpd_client_port_logging "
        "delay_logging_resolution_limit info_log_address_format smtpd_log_access_permit_actions",
        "The log goes to standard error, one JSON object a line; journald or a container keeps it (log.format, log.level).",
    ),
    _needless(
        "berkeley_db_* lmdb_map_size default_database_type proxy_read_maps proxy_write_maps",
        "There are no compiled tables, and no process of its own reads them: text is read as it is.",
    ),
    _needless(
        "*_tls_session_cache_* smtpd_tls_always_issue_session_ids tls_session_ticket_cipher tls_random_* tls_daemon_random_bytes "
        "tls_export_cipherlist tls_low_cipherlist tls_null_cipherlist tls_medium_cipherlist tls_high_cipherlist tls_eecdh_* "
        "tls_preempt_cipherlist tls_ssl_options tls_disable_workarounds tls_fast_shutdown_enable tls_legacy_public_key_fingerprints "
        "tls_append_default_CA tls_config_* tls_wildcard_matches_multiple_labels smtpd_tls_eecdh_grade smtpd_tls_dh*_param_file "
        "*_tls_ciphers *_tls_mandatory_ciphers *_tls_exclude_ciphers *_tls_mandatory_exclude_ciphers tls_ffdhe_auto_groups "
        "tls_dane_digests",
        "mailrail speaks TLS 1.2 and 1.3 with suites that are all good, and keeps its sessions by itself (tls.ciphers, if need be).",
    ),
    _needless(
        "*_tls_loglevel smtpd_tls_received_header smtp*_tls_note_starttls_offer lmtp_tls_note_starttls_offer",
        "TLS version and cipher stand in every event of a delivery and in the trace of every message.",
    ),
    _needless(
        "tlsproxy_*",
        "There is no process for TLS; what the smtp and smtpd parameters of the same name say counts.",
    ),
    _needless(
        "*_dkey_file *_dcert_file", "No authority signs DSA certificates any more, and TLS 1.3 has none."
    ),
    # --- Done by itself -------------------------------------------------------------------
    _needless(
        "smtpd_forbid_bare_newline* smtpd_forbid_unauth_pipelining smtpd_forbid_* cleanup_replace_stray_cr_lf "
        "smtpd_helo_required strict_rfc821_envelopes allow_untrusted_routing allow_percent_hack swap_bangpath "
        "smtpd_forbidden_commands disable_vrfy_command smtpd_delay_reject smtpd_reject_unlisted_recipient helpful_warnings "
        "smtpd_relay_before_recipient_restrictions show_user_unknown_table_name resolve_dequoted_address resolve_null_domain "
        "resolve_numeric_domain smtpd_delay_open_until_valid_rcpt smtpd_history_flush_threshold smtpd_noop_commands "
        "smtpd_*_overshoot_limit smtpd_peername_lookup smtpd_etrn_restrictions fast_flush_* parent_domain_matches_subdomains "
        "smtpd_null_access_lookup_key",
        "mailrail is strict here by itself: one grammar of addresses, a greeting first, no smuggling, no relaying by tricks in a "
        "local part, VRFY tells nothing.",
    ),
    _needless(
        "access_map_*_code defer_code reject_code relay_domains_reject_code unknown_*_reject_code maps_rbl_reject_code "
        "invalid_hostname_reject_code non_fqdn_reject_code plaintext_reject_code multi_recipient_bounce_reject_code "
        "unverified_*_code *_tempfail_action reject_tempfail_action unverified_*_reason",
        "Replies are fixed, each with the code that its RFC names: docs, Replies.",
    ),
    _needless(
        "qmgr_* default_delivery_slot_* default_extra_recipient_limit default_minimum_delivery_slots default_recipient_* "
        "*_delivery_slot_* *_extra_recipient_limit *_minimum_delivery_slots *_recipient_refill_* queue_run_delay "
        "destination_concurrency_feedback_debug *_destination_recipient_limit *_concurrency_positive_feedback "
        "*_concurrency_negative_feedback default_destination_recipient_limit *_recipient_limit",
        "mailrail's queue is fair between destinations and senders, wakes what is due, and gives a next hop as many recipients as it "
        "takes.",
    ),
    _needless(
        "*_connection_cache_* connection_cache_* *_tls_connection_reuse smtp_cache_*",
        "Connections are kept and used again, with TLS too (queue.idle_s).",
    ),
    _needless(
        "*_pix_workaround* *_always_send_ehlo *_never_send_ehlo *_skip_5xx_greeting *_skip_quit_response *_quote_rfc821_envelope "
        "*_defer_if_no_mx_address_found *_balance_inet_protocols *_randomize_addresses *_cname_overrides_servername "
        "*_per_request_deadline *_per_record_deadline lmtp_min_data_rate smtp_min_data_rate *_mx_session_limit "
        "ignore_mx_lookup_error *_line_length_limit *_xforward_timeout *_send_xforward_command *_send_dummy_mail_auth "
        "*_sasl_auth_soft_bounce *_sasl_auth_cache_* *_sasl_tls*security_options send_cyrus_sasl_authzid *_rset_timeout "
        "*_tls_block_early_mail_reply *_tls_enforce_peername *_tls_scert_verifydepth smtpd_tls_ccert_verifydepth dns_ncache_* "
        "*_host_lookup tcp_windowsize *_bind_address_enforce",
        "The delivery client does what the RFCs say of this, in one way.",
    ),
    _needless(
        "mime_* body_checks_size_limit header_address_token_limit disable_mime_* detect_8bit_encoding_header strict_7bit_headers "
        "strict_8bitmime* strict_mime_encoding_domain message_strip_characters message_drop_headers line_length_limit "
        "sendmail_fix_line_endings duplicate_filter_limit force_mime_input_conversion cleanup_*",
        "Mail goes on as it came, and is converted only where the next hop cannot take 8-bit content.",
    ),
    _needless(
        "bounce_notice_recipient delay_notice_recipient error_notice_recipient",
        "Operators see what fails in the log, in `mailrail queue` and `mailrail status`; no mail is sent for it.",
    ),
    _needless(
        "smtputf8_* strict_smtputf8 enable_idna2003_compatibility",
        "SMTPUTF8 is always offered, and names are those of IDNA 2008.",
    ),
    _needless(
        "enable_long_queue_ids enable_original_recipient frozen_delivered_to rewrite_* empty_address_* mail_name biff "
        "backwards_bounce_* debugger_command debug_peer_* anvil_* fault_injection_code stress address_verify_* "
        "sun_mailtool_compatibility deliver_lock_*",
        "It has nothing to apply to here.",
    ),
    _needless(
        "append_at_myorigin append_dot_mydomain local_header_rewrite_clients remote_header_rewrite_domain "
        "always_add_missing_headers undisclosed_recipients_header header_from_format internal_mail_filter_classes",
        "Headers of passing mail are left alone; missing Date and Message-ID are added where our own people submit (roles "
        "submission and internal).",
    ),
    _needless(
        "smtpd_sasl_response_limit smtpd_sasl_authenticated_header smtpd_sasl_service smtpd_sasl_exceptions_networks "
        "smtpd_sasl_local_domain smtp_sasl_security_options lmtp_sasl_security_options broken_sasl_auth_clients smtpd_sasl_mechanism_filter smtpd_sasl_security_options smtpd_sasl_tls_security_options "
        "cyrus_sasl_config_path smtp_sasl_path lmtp_sasl_path smtp_sasl_type lmtp_sasl_type",
        "Logins are offered under TLS only, the strongest first, none of them anonymous (listener.auth).",
    ),
    _needless(
        "authorized_flush_users authorized_mailq_users known_tcp_ports",
        "Who may see and change the queue is who may open the operator's socket (admin.group_access).",
    ),
    _needless(
        "confirm_delay_cleared bounce_template_file enable_threaded_bounces disable_verp_bounces default_verp_delimiters "
        "verp_delimiter_filter *authorized_verp_clients",
        "Notices have one form (RFC 3464), and nobody asks us for VERP: a list that has several owners sets its own.",
    ),
    _needless(
        "milter_* smtpd_upstream_proxy_timeout postscreen_upstream_proxy_timeout smtpd_client_event_limit_exceptions "
        "smtpd_client_connection_limit_exceptions smtpd_policy_service_* *_delivery_status_filter default_rbl_reply rbl_reply_maps smtpd_expansion_filter "
        "execution_directory_expansion_filter command_expansion_filter forward_expansion_filter double_bounce_sender "
        "postscreen_*_ttl postscreen_cache_* postscreen_expansion_filter smtpd_command_filter postscreen_command_filter "
        "smtpd_dns_reply_filter smtp_dns_reply_filter lmtp_dns_reply_filter smtp_reply_filter lmtp_reply_filter",
        "It belongs to something that is told of by itself, or is not there.",
    ),
    # --- Not there ------------------------------------------------------------------------
    _unsupported(
        "smtpd_milters non_smtpd_milters smtpd_milter_maps",
        "Milters are not supported yet: what OpenDKIM, Rspamd and the like did there is not done. Send outgoing mail "
        "through a host that signs, and let the mail store filter.",
    ),
    _unsupported(
        "content_filter receive_override_options smtpd_proxy_*",
        "There are no content filters behind the queue or before it. A filter that speaks SMTP can stand before mailrail, or be "
        "its next hop (route.next_hop) and send on.",
    ),
    _unsupported(
        "header_checks body_checks nested_header_checks *_header_checks *_body_checks message_reject_characters",
        "Nothing looks into content: filter where mail is stored, with Sieve for one.",
    ),
    _unsupported(
        "postscreen_* dnsblog_reply_delay",
        "What talks before it is greeted is turned away by every listener; block lists and the tests behind the greeting "
        "are not there yet.",
    ),
    _unsupported(
        "smtpd_client_message_rate_limit smtpd_client_recipient_rate_limit smtpd_client_auth_rate_limit "
        "smtpd_client_new_tls_session_rate_limit",
        "Strangers are limited by sessions (limits.connections_per_minute), logins by [guessing], and those who log in by [quota].",
    ),
    _unsupported(
        "always_bcc sender_bcc_maps recipient_bcc_maps",
        "There is no copy to a third address; an alias with two targets gives one for single addresses.",
    ),
    _unsupported(
        "relocated_maps",
        "Nobody is told of a new address; an alias sends mail on to it.",
    ),
    _unsupported(
        "smtp_generic_maps lmtp_generic_maps",
        "Addresses are not rewritten on the way out; [canonical] rewrites them as mail comes in.",
    ),
    _unsupported(
        "smtpd_reject_footer* postscreen_reject_footer*",
        "Replies have no footer; each names its reason and the session.",
    ),
    _unsupported(
        "smtp_discard_ehlo_* lmtp_discard_lhlo_* smtpd_discard_ehlo_* postscreen_discard_ehlo_*",
        "Extensions of SMTP cannot be switched off one by one.",
    ),
    _unsupported("smtpd_reject_unlisted_sender", "Senders of strangers are not looked up."),
    _unsupported(
        "qmqpd_*",
        "There is no QMQP; use SMTP, on a listener of role internal.",
    ),
    _unsupported(
        "relay_clientcerts smtp*_fingerprint_* lmtp*_fingerprint_* smtp_tls_trust_anchor_file lmtp_tls_trust_anchor_file "
        "smtp_tls_per_site lmtp_tls_per_site *_tls_servername *_tls_force_insecure_host_tlsa_lookup "
        "smtp_tls_dane_insecure_mx_policy tls_required_enable smtp_tlsrpt_*",
        "Single certificates cannot be pinned, and DANE is not there yet. A next hop is verified by name and authority "
        '(tls = "verify", ca_file).',
    ),
    _unsupported(
        "best_mx_transport default_filter_nexthop defer_transports fallback_relay smtp_fallback_relay lmtp_fallback_relay "
        "default_transport_rate_delay *_transport_rate_delay",
        "Routes know one next hop each, with as many addresses as its name has.",
    ),
    _unsupported(
        "smtp_address_verify_target lmtp_address_verify_target lmtp_assume_final",
        "Whoever is asked ahead is asked at RCPT, and a next hop by LMTP counts as final delivery.",
    ),
    _unsupported(
        "*dns_support_level *_dns_resolver_options dnssec_probe disable_dns_lookups",
        "The DNS is asked always, by mailrail's own resolver ([dns]); DANE is not there yet.",
    ),
    _unsupported(
        "permit_mx_backup_networks maps_rbl_domains smtpd_restriction_classes",
        "Restrictions of this kind are not there.",
    ),
    _unsupported(
        "fallback_transport fallback_transport_maps mailbox_transport_maps mailbox_command_maps luser_relay "
        "local_login_sender_maps",
        "A domain has one way of delivery for all of its mailboxes; what has no mailbox is refused.",
    ),
    _needless(
        "smtp_sasl_auth_enable lmtp_sasl_auth_enable smtp_sasl_password_maps lmtp_sasl_password_maps "
        "smtp_sasl_mechanism_filter lmtp_sasl_mechanism_filter",
        "No next hop is named that there is a login for.",
    ),
    _needless(
        "smtpd_sasl_auth_enable smtpd_sasl_type smtpd_sasl_path smtpd_sender_login_maps",
        "No listener takes logins.",
    ),
    _look("lmtp_lhlo_timeout", "client.hello_s counts for SMTP and LMTP alike."),
    _needless(
        "lmtp_tls_policy_maps lmtp_tls_security_level", "No next hop is reached by LMTP over a network."
    ),
    _needless("smtpd_authorized_xclient_hosts", "It names no address."),
    _unsupported(
        "smtpd_authorized_xforward_hosts",
        "XFORWARD is not spoken; what a proxy says by XCLIENT is believed (xclient_from).",
    ),
    _unsupported("smtpd_upstream_proxy_protocol", "No listener is left that it would count for."),
    _unsupported(
        "proxy_interfaces",
        "Addresses in front of a router are not known: that an MX is this host is seen by its hostname, or its own addresses.",
    ),
    _needless("smtp_tls_wrappermode lmtp_tls_wrappermode smtpd_tls_wrappermode", "It is off."),
    _needless(
        "smtp_sender_dependent_authentication lmtp_sender_dependent_authentication",
        "Senders have no logins of their own.",
    ),
    _look(
        "soft_bounce",
        "With it Postfix keeps all mail that it would return. For a first try of mailrail hold mail instead: mailrail queue hold.",
    ),
    _look(
        "smtp_tcp_port lmtp_tcp_port smtp_helo_name lmtp_lhlo_name",
        "mailrail greets by hostname and goes to port 25 (routing.mx_port), 24 by LMTP.",
    ),
    _look(
        "smtpd_banner",
        "The greeting is hostname, ESMTP and mailrail: nothing in it can be chosen, nor tells a version.",
    ),
    _look(
        "mailbox_size_limit virtual_mailbox_limit",
        "A message is bounded by limits.message_bytes; how much a mailbox may hold is quota of its agent, without a limit by default.",
    ),
    # --- Local delivery, fixed here -----------------------------------------------------
    _needless(
        "command_execution_directory command_time_limit local_command_shell allow_mail_to_* prepend_delivered_header "
        "strict_mailbox_ownership require_home_directory *_mailbox_lock mailbox_delivery_lock virtual_mailbox_lock "
        "virtual_minimum_uid local_destination_* local_delivery_* expand_owner_alias owner_request_special reset_owner_alias "
        "virtual_alias_*_limit propagate_unmatched_extensions alias_database allow_min_user mail_spool_directory forward_path *_time_limit",
        "mailrail's agents and aliases have rules of their own here: docs, Local delivery.",
    ),
)


@cache
def _patterns() -> tuple[tuple["re.Pattern[str]", Lore], ...]:
    return tuple((re.compile("|".join(map(translate, lore.names))), lore) for lore in LORE)


def lore_of(name: str) -> Lore | None:
    """Return what is known of the parameter *name*."""
    return next((lore for pattern, lore in _patterns() if pattern.match(name)), None)

"""All targets by name."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from tests.fuzz import (
    target_address,
    target_client,
    target_config,
    target_dns,
    target_dsn,
    target_handed,
    target_hello,
    target_ldap,
    target_lines,
    target_mailbox,
    target_message,
    target_parameters,
    target_proxy,
    target_record,
    target_reply,
    target_sasl,
    target_server,
    target_targets,
    target_xclient,
)


@dataclass(frozen=True)
class Target:
    """What must hold for every input, and inputs to begin with."""

    check: Callable[[bytes], None]
    seeds: Callable[[], Iterable[bytes]]


TARGETS: Final[Mapping[str, Target]] = {
    "address": Target(target_address.check, target_address.seeds),
    "client": Target(target_client.check, target_client.seeds),
    "config": Target(target_config.check, target_config.seeds),
    "dns": Target(target_dns.check, target_dns.seeds),
    "dsn": Target(target_dsn.check, target_dsn.seeds),
    "handed": Target(target_handed.check, target_handed.seeds),
    "hello": Target(target_hello.check, target_hello.seeds),
    "ldap": Target(target_ldap.check, target_ldap.seeds),
    "lines": Target(target_lines.check, target_lines.seeds),
    "mailbox": Target(target_mailbox.check, target_mailbox.seeds),
    "message": Target(target_message.check, target_message.seeds),
    "parameters": Target(target_parameters.check, target_parameters.seeds),
    "proxy": Target(target_proxy.check, target_proxy.seeds),
    "record": Target(target_record.check, target_record.seeds),
    "reply": Target(target_reply.check, target_reply.seeds),
    "sasl": Target(target_sasl.check, target_sasl.seeds),
    "server": Target(target_server.check, target_server.seeds),
    "targets": Target(target_targets.check, target_targets.seeds),
    "xclient": Target(target_xclient.check, target_xclient.seeds),
}

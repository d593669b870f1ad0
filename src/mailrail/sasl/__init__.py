"""Floor 1 · sasl — how two sides prove who they are: mechanisms as objects without I/O."""

from mailrail.sasl.choose import (
    BY_PASSWORD,
    BY_TOKEN,
    SERVER_MECHANISMS,
    ClientFacts,
    ServerFacts,
    choose,
    make_nonce,
    server_exchange,
)
from mailrail.sasl.client import ClientMechanism
from mailrail.sasl.keys import (
    ITERATIONS,
    SALT_OCTETS,
    ScramKeys,
    derive_keys,
    fake_keys,
    format_keys,
    format_keys_dovecot,
    parse_keys,
)
from mailrail.sasl.precis import opaque_string, username_case_mapped, username_case_preserved
from mailrail.sasl.saslprep import PreparationError, saslprep
from mailrail.sasl.server import ServerExchange
from mailrail.sasl.steps import (
    Challenge,
    CheckCertificate,
    CheckPassword,
    CheckToken,
    Failure,
    FindKeys,
    KeyRecord,
    Question,
    Step,
    Success,
)

__all__ = [
    "BY_PASSWORD",
    "BY_TOKEN",
    "ITERATIONS",
    "SALT_OCTETS",
    "SERVER_MECHANISMS",
    "Challenge",
    "CheckCertificate",
    "CheckPassword",
    "CheckToken",
    "ClientFacts",
    "ClientMechanism",
    "Failure",
    "FindKeys",
    "KeyRecord",
    "PreparationError",
    "Question",
    "ScramKeys",
    "ServerExchange",
    "ServerFacts",
    "Step",
    "Success",
    "choose",
    "derive_keys",
    "fake_keys",
    "format_keys",
    "format_keys_dovecot",
    "make_nonce",
    "opaque_string",
    "parse_keys",
    "saslprep",
    "server_exchange",
    "username_case_mapped",
    "username_case_preserved",
]

"""Floor 5 · config — one TOML file in, frozen settings or every problem at once out."""

from mailrail.config.domain import DomainSettings
from mailrail.config.lines import KeyPath
from mailrail.config.listener import ClientCertificate, ListenerSettings, Role
from mailrail.config.load import load, load_as
from mailrail.config.problems import BadSettingsError, Problem, Where, spell
from mailrail.config.reference import json_schema, markdown_reference, show, toml_reference
from mailrail.config.relay import RelaySettings
from mailrail.config.settings import MailrailSettings
from mailrail.config.starter import HEAD, complaint, starter
from mailrail.config.workers import (
    DRAINED,
    is_used,
    leftovers,
    part_of,
    socket_of,
    spool_of,
    spools,
    worker_count,
)

__all__ = [
    "DRAINED",
    "HEAD",
    "BadSettingsError",
    "ClientCertificate",
    "DomainSettings",
    "KeyPath",
    "ListenerSettings",
    "MailrailSettings",
    "Problem",
    "RelaySettings",
    "Role",
    "Where",
    "complaint",
    "is_used",
    "json_schema",
    "leftovers",
    "load",
    "load_as",
    "markdown_reference",
    "part_of",
    "show",
    "socket_of",
    "spell",
    "spool_of",
    "spools",
    "starter",
    "toml_reference",
    "worker_count",
]

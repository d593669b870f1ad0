"""Floor 5 · config — one TOML file in, frozen settings or every problem at once out."""

from mailrail.config.lines import KeyPath
from mailrail.config.listener import ClientCertificate, ListenerSettings, Role
from mailrail.config.load import load, load_as
from mailrail.config.problems import BadSettingsError, Problem, Where, spell
from mailrail.config.reference import json_schema, markdown_reference, show, toml_reference
from mailrail.config.relay import RelaySettings
from mailrail.config.settings import MailrailSettings
from mailrail.config.starter import complaint, starter

__all__ = [
    "BadSettingsError",
    "ClientCertificate",
    "KeyPath",
    "ListenerSettings",
    "MailrailSettings",
    "Problem",
    "RelaySettings",
    "Role",
    "Where",
    "complaint",
    "json_schema",
    "load",
    "load_as",
    "markdown_reference",
    "show",
    "spell",
    "starter",
    "toml_reference",
]

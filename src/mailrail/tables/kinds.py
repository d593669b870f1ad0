"""Floor 2 · tables — every kind of table that settings can describe."""

from typing import Annotated

from pydantic import Discriminator, Tag

from mailrail.settings import kind_tag
from mailrail.tables.ldap import LdapTableSettings
from mailrail.tables.settings import (
    AccountsSettings,
    AliasesSettings,
    FileSettings,
    FunctionSettings,
    HttpSettings,
    InlineSettings,
    PostgresSettings,
    RegexSettings,
    SqliteSettings,
)

TableSettings = Annotated[
    Annotated[InlineSettings, Tag("kind=inline")]
    | Annotated[FileSettings, Tag("kind=file")]
    | Annotated[AliasesSettings, Tag("kind=aliases")]
    | Annotated[RegexSettings, Tag("kind=regex")]
    | Annotated[AccountsSettings, Tag("kind=accounts")]
    | Annotated[SqliteSettings, Tag("kind=sqlite")]
    | Annotated[PostgresSettings, Tag("kind=postgres")]
    | Annotated[LdapTableSettings, Tag("kind=ldap")]
    | Annotated[HttpSettings, Tag("kind=http")]
    | Annotated[FunctionSettings, Tag("kind=function")],
    Discriminator(kind_tag),
]

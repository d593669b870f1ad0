"""Floor 3 · directory — who lives here: users, and whether somebody is one of them."""

from mailrail.directory.api import DirectoryError, Source
from mailrail.directory.directory import Asker, Directory, able_mechanisms
from mailrail.directory.hashes import HashError, make_hash, scheme_of
from mailrail.directory.opening import check_users, open_directory
from mailrail.directory.records import QUOTAS, Users, remove_user, write_user
from mailrail.directory.residents import Residents
from mailrail.directory.settings import UsersSettings
from mailrail.directory.source_file import checked, have_keys
from mailrail.directory.user import User, login_name, sender_entry
from mailrail.directory.userfile import change_file, read_file

__all__ = [
    "QUOTAS",
    "Asker",
    "Directory",
    "DirectoryError",
    "HashError",
    "Residents",
    "Source",
    "User",
    "Users",
    "UsersSettings",
    "able_mechanisms",
    "change_file",
    "check_users",
    "checked",
    "have_keys",
    "login_name",
    "make_hash",
    "open_directory",
    "read_file",
    "remove_user",
    "scheme_of",
    "sender_entry",
    "write_user",
]

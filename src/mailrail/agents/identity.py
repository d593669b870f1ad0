"""Floor 4 · agents — as whom this process acts, and whether it may become somebody else.

Law: nothing is written or run as root, unless the settings say `user = "root"` in so many words. Mailboxes belong to people, and people may
put links in the way (A25).
"""

import os
from dataclasses import dataclass
from typing import Final

from mailrail.agents.accounts import Account, Accounts, NoAccountError, system_account, system_group

ROOT: Final = 0
_ROOTS: Final = ("root", "0")


class NotAllowedError(Exception):
    """We may not act as that account, or must not; the text says how to mend it."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who we are.

    Attributes:
        uid: as whom this process acts.
        accounts: finds accounts; blocks.
        machine: name of the one that it runs on; "": it does not matter.
    """

    uid: int
    accounts: Accounts = system_account
    machine: str = ""

    def act_as(self, user: str, group: str) -> Account:
        """Return the account to act as; blocks.

        Args:
            user: its name, "" for our own.
            group: name of the group instead of its own, or "".

        Raises:
            NoAccountError: it does not exist, or cannot be found now.
            NotAllowedError: we may not, or must not.
        """
        if not user:
            if self.uid == ROOT:
                raise NotAllowedError(
                    'mailrail runs as root, and mail is not handled as root: name an account by "user"'
                )
            return self._own()
        account = self.accounts(user)
        if group:
            account = Account(account.name, account.uid, system_group(group), account.home)
        if account.uid == ROOT and user not in _ROOTS:
            raise NotAllowedError(f"{user} is root, and mail is not handled as root")
        if group and self.uid != ROOT and account.gid != os.getegid():
            raise NotAllowedError(f"to act as the group {group} mailrail must be started as root, or in it")
        if self.uid not in (account.uid, ROOT):
            raise NotAllowedError(
                f"to act as {account.name} mailrail must be started as root, or as {account.name}"
            )
        return account

    def _own(self) -> Account:
        try:
            return self.accounts(str(self.uid))
        except NoAccountError:  # a container may run a number that has no name
            return Account(str(self.uid), self.uid, os.getegid(), "/")


def system_identity() -> Identity:
    """Return who this process is."""
    return Identity(os.geteuid(), machine="".join(os.uname().nodename.split()))

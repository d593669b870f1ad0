"""Floor 5 · migrate — what delivers on this machine: local(8), virtual(8), pipe(8), error(8) and discard(8) as agents."""

import re
import shlex
from typing import Final

from mailrail.config import complaint
from mailrail.migrate.draft import Draft, printable
from mailrail.migrate.hops import Destination
from mailrail.migrate.master import Service
from mailrail.migrate.report import Subject

_UNFIT: Final = re.compile(r"[^A-Za-z0-9_-]+")
_STATUS: Final = re.compile(r"([245])\.(\d{1,3})\.(\d{1,3})\s*(.*)", re.DOTALL)
_SHELL: Final = frozenset("|&;<>()`*?[]#~!")  # what only a shell would give a meaning
_MACRO: Final = re.compile(r"\$(?:\{(\w+)\}|\((\w+)\)|(\w+))")
# pipe(8) and local(8): what stands for a value, and the same in an agent's command.
_MACROS: Final = {
    "sender": "{sender}", "recipient": "{recipient}", "original_recipient": "{recipient}", "user": "{local_part}",
    "extension": "{detail}", "domain": "{domain}", "queue_id": "{queue_id}",
}  # fmt: skip
_VARIABLES: Final = {
    "USER": "{local_part}", "LOGNAME": "{local_part}", "HOME": "{home}", "EXTENSION": "{detail}", "DOMAIN": "{domain}",
    "RECIPIENT": "{recipient}", "ORIGINAL_RECIPIENT": "{recipient}", "SENDER": "{sender}",
}  # fmt: skip


class AgentBook:
    """Writes [agent], each once, and knows their names."""

    def __init__(self, draft: Draft) -> None:
        self._draft = draft
        self._postfix = draft.postfix

    def of(self, destination: Destination, subject: Subject) -> str:
        """Return the name of the agent that does what *destination* does; "" if there is none, which is told of *subject*."""
        match destination.program:
            case "discard":
                return "discard"
            case "error" | "retry":
                return self._error(destination, subject)
            case "pipe" if destination.service is not None:
                return self._pipe(destination.service, destination.next_hop, subject)
            case "local":
                return self.local()
            case program:
                self._draft.unsupported(
                    subject,
                    f"Nothing here does what {printable(program)} does: choose another way for this mail.",
                )
                return ""

    # --- Mailboxes ----------------------------------------------------------------------

    def local(self) -> str:
        """Return the agent for accounts of the system, as main.cf says it: by a program, into a Maildir or an mbox."""
        command = self._postfix.raw("mailbox_command")
        if command:
            return self._mailbox_command(command)
        home, spool = self._postfix.value("home_mailbox"), self._postfix.value("mail_spool_directory")
        name, place = (
            ("home_mailbox", f"{{home}}/{home}")
            if home
            else ("mail_spool_directory", f"{spool.rstrip('/')}/{{local_part}}")
        )
        is_maildir = (home or spool).endswith("/")
        path = ("agent", "local")
        self._draft.put((*path, "kind"), "maildir" if is_maildir else "mbox", name)
        self._draft.put((*path, "path"), place.rstrip("/"), name)
        self._draft.put((*path, "user"), "{local_part}", name)
        self._check_path("local", name)
        return "local"

    def mailboxes(self, name: str, kind: str, place: str, owner: str, group: str, *subjects: Subject) -> str:
        """Write the agent *name* for mailboxes that belong to one account.

        Args:
            kind: "maildir" or "mbox".
            place: template of the path.
        """
        path = ("agent", name)
        self._draft.put((*path, "kind"), kind, *subjects)
        self._draft.put((*path, "path"), place, *subjects)
        if owner:
            self._draft.put((*path, "user"), owner, "virtual_uid_maps")
        if owner and group:
            self._draft.put((*path, "group"), group, "virtual_gid_maps")
        self._check_path(name, *subjects)
        return name

    def _check_path(self, name: str, *subjects: Subject | str) -> None:
        """Leave out a path that no agent can have, and ask for one."""
        if fault := complaint({"agent": {name: self._draft.get(("agent", name))}}):
            self._draft.drop(("agent", name, "path"))
            self._draft.look(subjects[0], f"Say where mailboxes are in agent.{name}.path, for {fault}.")

    def _mailbox_command(self, command: str) -> str:
        subject = Subject("mailbox_command")
        words = self._arguments(command, _VARIABLES, subject)
        if words is None:
            return "local"
        path = ("agent", "local")
        self._draft.put((*path, "kind"), "pipe", subject)
        self._draft.put((*path, "command"), words, subject)
        self._draft.put((*path, "user"), "{local_part}", subject)
        return "local"

    # --- Programs -----------------------------------------------------------------------

    def _pipe(self, service: Service, next_hop: str, subject: Subject) -> str:
        name = f"pipe-{_UNFIT.sub('-', service.name)}"[:64]
        path, label = ("agent", name), Subject(service.label)
        if self._draft.get(path) is not None:
            return name
        values = dict(argument.partition("=")[::2] for argument in service.arguments if "=" in argument)
        at = next((index for index, one in enumerate(service.arguments) if one.startswith("argv=")), None)
        if at is None:
            self._draft.look(label, "It names no program (argv=).")
            return ""
        argv = [service.arguments[at].removeprefix("argv="), *service.arguments[at + 1 :]]
        macros = {**_MACROS, "nexthop": next_hop or "{domain}"}
        if not self._postfix.value("recipient_delimiter"):
            macros["mailbox"] = "{local_part}"  # which has no detail then
        command = [self._filled(word, macros, label) for word in argv]
        self._draft.put((*path, "kind"), "pipe", label)
        self._draft.put((*path, "command"), command, label)
        user, _, group = values.get("user", "").partition(":")
        if user:
            self._draft.put((*path, "user"), user, label)
        if user and group:
            self._draft.put((*path, "group"), group, label)
        if "directory" in values:
            self._draft.put((*path, "directory"), values["directory"], label)
        return name

    def _arguments(self, command: str, macros: dict[str, str], subject: Subject) -> list[str] | None:
        """Return *command* as a list of arguments, None where only a shell could run it."""
        try:
            words = shlex.split(command)
        except ValueError:
            words = []
        if not words or not words[0].startswith("/") or _SHELL & set(command):
            words_of = "Programs are run without a shell, by their absolute path: put this into a script, and its path into agent.local.command."
            self._draft.look(subject, words_of)
            path = ("agent", "local")
            self._draft.put((*path, "kind"), "error", subject)
            self._draft.put((*path, "reply"), "450 4.3.5 This host is being set up", subject)
            return None
        return [self._filled(word, macros, subject) for word in words]

    def _filled(self, word: str, macros: dict[str, str], subject: Subject) -> str:
        """Return an argument with mailrail's names for its values."""
        unknown: list[str] = []

        def replaced(found: re.Match[str]) -> str:
            name = next(filter(None, found.groups()))
            if name not in macros:
                unknown.append(name)
            return macros.get(name, "")

        plain = word.replace("{", "{{") if "{" in _MACRO.sub("", word) else word
        filled = _MACRO.sub(replaced, plain)
        if unknown:
            self._draft.look(
                subject, f"There is nothing like ${', $'.join(unknown)} for the command; it is left out."
            )
        return filled

    def _error(self, destination: Destination, subject: Subject) -> str:
        found = _STATUS.match(destination.next_hop)
        is_later = (
            destination.program == "retry"
            or destination.transport == "retry"
            or (found is not None and found[1] == "4")
        )
        kind = "4" if is_later else "5"
        detail = f"{found[2]}.{found[3]}" if found is not None else "0.0"
        text = (
            found[4] if found is not None else destination.next_hop
        ).strip() or "This address takes no mail"
        reply = f"{kind}50 {kind}.{detail} " + "".join(char for char in text if " " <= char <= "~")[:400]
        answers = {
            table["reply"]: name
            for name, table in (self._draft.get(("agent",)) or {}).items()
            if "reply" in table
        }
        name = answers.get(reply) or f"error-{len(answers) + 1}"
        self._draft.put(("agent", name, "kind"), "error", subject)
        self._draft.put(("agent", name, "reply"), reply, subject)
        return name

"""Floor 4 · agents — hands messages to a program: arguments without a shell, the message on standard input.

The message begins with `Return-Path`, `X-Original-To` and, for a single recipient, `Delivered-To`, and has LF line ends. The environment is ours
alone: PATH, HOME, USER, LOGNAME, SHELL, LANG, SENDER, RECIPIENT (those of the call, with spaces between), ORIGINAL_RECIPIENT, DOMAIN, LOCAL, EXTENSION,
QUEUE_ID, CLIENT_ADDRESS, and what the settings add.
"""

import shlex
import shutil
from collections.abc import Sequence
from functools import partial
from typing import Final

from mailrail.agents import classify
from mailrail.agents.accounts import Account, NoAccountError
from mailrail.agents.api import Letter
from mailrail.agents.binary import as_text
from mailrail.agents.copying import beginning_of, copy_into, scratch
from mailrail.agents.identity import NotAllowedError
from mailrail.agents.postmark import our_lines, sender_for, was_here
from mailrail.agents.program import Call, Program
from mailrail.agents.settings import AgentSettings
from mailrail.agents.template import Target, UnfitValueError, fill_argument, target_of, values_of
from mailrail.agents.tools import Tools
from mailrail.model import Blame, Failed, Outcome, Recipient

_PATH: Final = "/usr/local/bin:/usr/bin:/bin"
_EACH: Final = "{recipient}"
_OF_A_SHELL: Final = frozenset("|&;<>()$`*?[]{}~#\n")


class PipeAgent:
    """Delivers by a program (an Agent)."""

    def __init__(self, settings: AgentSettings, tools: Tools) -> None:
        self._settings = settings
        self._tools = tools

    async def deliver(self, letter: Letter) -> Sequence[Outcome]:
        """Run the program, once for each recipient or once for all."""
        text = await as_text(letter, self._tools.threads)
        if isinstance(text, Failed):
            return [text] * len(letter.indexes)
        letter = text
        beginning = await beginning_of(letter)
        if self._settings.together and not any(one.target for one in letter.recipients):
            return [await self._run(letter, letter.recipients, beginning)] * len(letter.indexes)
        outcomes: list[Outcome] = []
        for recipient in letter.recipients:
            is_loop = was_here(beginning, recipient)
            outcomes.append(classify.loop() if is_loop else await self._run(letter, [recipient], beginning))
        return outcomes

    def explain(self, recipient: Recipient) -> list[str]:
        """Say which program with which arguments, as whom."""
        call = self._call("QUEUEID", "", [recipient])
        if not isinstance(call, Call):
            return [f"would be answered with {call.reply}"]
        account = (
            "mailrail itself" if call.account is None else f"{call.account.name} (user {call.account.uid})"
        )
        return [f"program: {shlex.join(call.arguments)}", f"run as: {account}"]

    def close(self) -> None:
        """Take nothing more."""
        self._tools.threads.close()

    async def _run(self, letter: Letter, recipients: Sequence[Recipient], beginning: bytes) -> Outcome:
        message = letter.message
        sender = sender_for(message.envelope, recipients[0])
        call = await self._tools.threads.run(
            partial(self._call, message.queue_id, str(sender or ""), recipients, message.origin.client)
        )
        if not isinstance(call, Call):
            return call
        with scratch() as file:
            try:
                file.write(our_lines(message.envelope, recipients).replace(b"\r\n", b"\n"))
                await copy_into(file, letter, beginning, self._tools.threads, unix_ends=True)
                program = Program(call)
                ended = await self._tools.threads.within(
                    self._settings.timeout_s, partial(program.run, file), program.give_up
                )
            except OSError as error:
                return classify.from_start_error(error, call.arguments[0], _blame(recipients[0]))
        return (
            classify.from_exit(ended.code, ended.output)
            if ended is not None
            else classify.too_slow(self._settings.timeout_s)
        )

    def _call(
        self, queue_id: str, sender: str, recipients: Sequence[Recipient], client: str = ""
    ) -> Call | Outcome:
        """Find out what is to be run; blocks, for accounts may be asked for over the network."""
        settings, first = self._settings, recipients[0]
        target = target_of(first, self._tools.separators(first.forward_path.domain))
        try:
            user = settings.user.replace("{local_part}", target.local_part)
            account = self._tools.identity.act_as(user, settings.group)
            values = {
                **values_of(target, account.name, account.home),
                "sender": sender,
                "recipient": first.forward_path.text,
                "queue_id": queue_id,
            }
            arguments = self._arguments(first, values, recipients)
        except UnfitValueError as error:
            return classify.no_mailbox(str(error))
        except NoAccountError as error:
            return classify.unavailable(str(error))
        except NotAllowedError as error:
            return classify.unusable(str(error))
        except ValueError as error:
            return classify.unusable(str(error), _blame(first))
        environment = _environment(queue_id, sender, recipients, target, account, client)
        is_other = account.uid != self._tools.identity.uid
        return Call(
            arguments, environment | settings.environment, settings.directory, account if is_other else None
        )

    def _arguments(
        self, first: Recipient, values: dict[str, str], recipients: Sequence[Recipient]
    ) -> list[str]:
        """Return the arguments.

        Raises:
            UnfitValueError: an address cannot be among them.
            ValueError: there is no such program.
        """
        if first.target:
            return alias_command(first.target[1:])
        if not self._settings.command:
            raise ValueError("the settings name no command for it")
        arguments = []
        for text in self._settings.command:
            if text == _EACH:
                arguments += [fill_argument(text, {"recipient": one.forward_path.text}) for one in recipients]
            else:
                arguments.append(fill_argument(text, values))
        return arguments


def _blame(recipient: Recipient) -> Blame:
    """Return who waits when there is no such program: all, or those whom one alias means."""
    return Blame.RECIPIENT if recipient.target else Blame.OURSELVES


def alias_command(text: str) -> list[str]:
    """Return the arguments that an alias like `|program argument` means.

    Raises:
        ValueError: it wants a shell, or names no program that is there.
    """
    arguments = shlex.split(text.strip())
    if not arguments:
        raise ValueError("an alias names no program")
    strange = _OF_A_SHELL & set(text)
    if strange:
        raise ValueError(
            f"{text!r} wants a shell for {' '.join(sorted(strange))}, and there is none: put it into a script"
        )
    found = shutil.which(arguments[0], path=_PATH)
    if found is None or not found.startswith("/"):
        raise ValueError(f"there is no program {arguments[0]!r}")
    return [found, *arguments[1:]]


def _environment(
    queue_id: str, sender: str, recipients: Sequence[Recipient], target: Target, account: Account, client: str
) -> dict[str, str]:
    environment = {
        "PATH": _PATH,
        "HOME": account.home,
        "USER": account.name,
        "LOGNAME": account.name,
        "SHELL": "/bin/sh",
        "LANG": "C",
        "SENDER": sender,
        "RECIPIENT": " ".join(one.forward_path.text for one in recipients),
        "QUEUE_ID": queue_id,
        "CLIENT_ADDRESS": client,
    }
    if len(recipients) == 1:
        original = recipients[0].orcpt.partition(";")[2] or recipients[0].forward_path.text
        environment |= {
            "ORIGINAL_RECIPIENT": original.replace("\0", "?"),
            "DOMAIN": target.domain,
            "LOCAL": target.local_part,
            "EXTENSION": target.detail,
        }
    return environment

"""Floor 5 · cli — `mailrail queue hold | release | retry | delete | bounce`.

Nothing is changed by accident: without ids or a filter `--all` must be said, and what cannot be undone
is counted and confirmed first unless single messages were named.
"""

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

import click

from mailrail.admin import ChangeRequest, Wanted
from mailrail.cli.choose import hold_words, is_everything, selection, wanted
from mailrail.cli.exits import CommandFailed, Exit
from mailrail.cli.options import config_option, json_option, settings_of
from mailrail.cli.progress import progress
from mailrail.cli.source import open_queue
from mailrail.cli.together import Queue
from mailrail.cli.words import count_words
from mailrail.config import MailrailSettings

Verb = Literal["hold", "release", "retry", "delete", "bounce"]
Command = TypeVar("Command", bound=Callable[..., Any])
_DONE: Final[dict[str, str]] = {
    "hold": "Held",
    "release": "Released",
    "retry": "Trying now",
    "delete": "Deleted",
    "bounce": "Returning to their senders",
}
_DOING: Final[dict[str, str]] = {
    "hold": "Holding",
    "release": "Releasing",
    "retry": "Waking",
    "delete": "Deleting",
    "bounce": "Returning",
}
_FINAL: Final = ("delete", "bounce")
_NARROWED: Final[dict[str, bool]] = {"hold": False, "release": True}


def _changing(command: Command) -> Command:
    for decorate in (
        selection,
        click.option("--all", "everything", is_flag=True, help="Everything in the queue."),
        click.option("--dry-run", is_flag=True, help="Only say how many items are meant."),
        json_option,
        config_option,
    ):
        command = decorate(command)
    return command


_YES: Final = click.option("--yes", is_flag=True, help="Do not ask.")


@click.command()
@_changing
def hold(**options: Any) -> None:
    """Keep mail back until it is released; a try that is running ends as it ends.

    Without ids it keeps back new mail of that kind too, across restarts; `queue list` says what is
    held as it comes.

    \b
    Examples:
      mailrail queue hold 0B3kTzq81WX
      mailrail queue hold --domain example.org
    """
    _change("hold", **options)


@click.command()
@_changing
def release(**options: Any) -> None:
    """End a hold: mail goes on as it would have.

    Without ids it ends also what keeps back new mail of that kind; --all ends every hold.

    \b
    Examples:
      mailrail queue release 0B3kTzq81WX
      mailrail queue release --all
    """
    _change("release", **options)


@click.command()
@_changing
def retry(**options: Any) -> None:
    """Try mail now, whatever its next try was, and wake the destinations it goes to.

    \b
    Examples:
      mailrail queue retry --domain example.org
      mailrail queue retry --all
    """
    _change("retry", **options)


@click.command()
@_changing
@_YES
def delete(**options: Any) -> None:
    """Remove mail for good, without a notice to anybody. To tell the senders, use bounce.

    \b
    Examples:
      mailrail queue delete 0B3kTzq81WX
      mailrail queue delete --sender spammer@example.net --dry-run
      mailrail queue delete --sender spammer@example.net --yes
    """
    _change("delete", **options)


@click.command()
@_changing
@_YES
def bounce(**options: Any) -> None:
    """Return mail to its senders now, with a notice that the operator did so.

    \b
    Examples:
      mailrail queue bounce 0B3kTzq81WX
      mailrail queue bounce --domain no-longer.example --yes
    """
    _change("bounce", **options)


def _change(
    verb: Verb,
    *,
    everything: bool,
    dry_run: bool,
    as_json: bool,
    config: Path,
    yes: bool = False,
    **options: Any,
) -> None:
    chosen = wanted(**options)
    if is_everything(chosen) != everything:
        raise click.UsageError(
            "--all and a choice exclude each other"
            if everything
            else f"say what to {verb}: ids, --sender, --recipient, --domain, --destination, --held or --all"
        )
    if chosen.held is None and not chosen.queue_ids and verb in _NARROWED:
        # So that the count says what has changed, not what was so already.
        chosen = chosen.model_copy(update={"held": _NARROWED[verb]})
    is_sure = yes or dry_run or verb not in _FINAL or bool(chosen.queue_ids)
    if not is_sure and not sys.stdin.isatty():
        raise click.UsageError(f"{verb} cannot be undone: add --yes, or see with --dry-run what is meant")
    asyncio.run(_run(settings_of(config), verb, chosen, is_sure=is_sure, dry_run=dry_run, as_json=as_json))


async def _run(
    settings: MailrailSettings, verb: Verb, chosen: Wanted, *, is_sure: bool, dry_run: bool, as_json: bool
) -> None:
    async with open_queue(settings) as queue:
        if dry_run or not is_sure:
            with progress("Counting"):
                count = await queue.count(chosen)
            if dry_run:
                _tell(f"Would {verb} {count_words(count, 'item')}.", count, as_json=as_json)
                return
            # The prompt stops the loop, which has nothing else to do.
            click.confirm(f"{verb.capitalize()} {count_words(count, 'item')}?", abort=True, err=True)
        await _do(queue, verb, chosen, as_json=as_json)


async def _do(queue: Queue, verb: Verb, chosen: Wanted, *, as_json: bool) -> None:
    with progress(_DOING[verb]):
        items = await queue.change(ChangeRequest(verb=verb, wanted=chosen))
    _tell(f"{_DONE[verb]}: {count_words(items, 'item')}.", items, as_json=as_json)
    if verb == "hold" and not chosen.queue_ids:
        click.echo(f"Held too, as it comes: {hold_words(chosen)}; release it by the same choice.", err=True)
    if not items and chosen.queue_ids:
        text = f"not in the queue (delivered, returned or deleted): {', '.join(chosen.queue_ids)}"
        raise CommandFailed(Exit.DATA, text)


def _tell(text: str, items: int, *, as_json: bool) -> None:
    click.echo(f'{{"items":{items}}}' if as_json else text)

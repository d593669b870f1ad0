"""Floor 5 · config — what only shows when the rooms' settings are seen together.

Everything is checked before a socket opens: a daemon that starts is a daemon that can work.
"""

from collections.abc import Iterator

from mailrail.config.files import Source
from mailrail.config.lines import KeyPath
from mailrail.config.problems import Problem, spell
from mailrail.config.settings import MailrailSettings
from mailrail.model import AddressError, parse_domain


def check(settings: MailrailSettings, source: Source) -> Iterator[Problem]:
    """Find the problems between settings that are each valid."""
    yield from _listeners(settings, source)
    yield from _domains(settings, source)


def _problem(source: Source, path: KeyPath, text: str, mend: str = "") -> Problem:
    return Problem(source.where(path), spell(path), text, mend)


def _listeners(settings: MailrailSettings, source: Source) -> Iterator[Problem]:
    seen: dict[str, int] = {}
    for index, listener in enumerate(settings.listener):
        first = seen.setdefault(str(listener.endpoint), index)
        is_any_port = listener.endpoint.port == 0 and not listener.address.startswith("unix:")
        if first != index and not is_any_port:
            where = source.where(("listener", first, "address"))
            text = f"{listener.address} is listened at already, by the listener in {where}"
            yield _problem(
                source, ("listener", index, "address"), text, "give each listener an address of its own"
            )


def _domains(settings: MailrailSettings, source: Source) -> Iterator[Problem]:
    """Two spellings of one domain are one domain: `EXAMPLE.org`, `example.org`, U-labels and A-labels."""
    seen: dict[str, str] = {}
    for name in settings.domain:
        try:
            domain = parse_domain(name)
        except AddressError as error:
            yield _problem(source, ("domain", name), str(error), 'write it like [domain."example.org"]')
            continue
        first = seen.setdefault(domain, name)
        if first != name:
            where = source.where(("domain", first))
            text = f"is the same domain as {spell(('domain', first))} in {where}"
            yield _problem(source, ("domain", name), text, "put both tables into one")

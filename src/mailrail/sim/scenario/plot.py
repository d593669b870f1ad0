"""Floor 5 · sim — a picture of a simulation: how long the queue was, what came and went, and what was put off.

matplotlib is an extra (`pip install mailrail[sim]`): only this file needs it, and only when a picture is wanted.
"""

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from mailrail.model import SettingsError
from mailrail.sim.scenario.run import Result
from mailrail.sim.scenario.samples import Sample

HOUR_S: Final = 3600.0


class PlotUnavailableError(SettingsError):
    """matplotlib is not there."""


def write_plot(result: Result, path: Path) -> None:
    """Draw *result* into the PNG file *path*.

    Raises:
        PlotUnavailableError: matplotlib is not installed.
        OSError: the file cannot be written.
    """
    canvas, figure = _canvas()
    queue, rates, deferrals = figure.subplots(3, 1, sharex=True)
    hours = [one.at_s / HOUR_S for one in result.samples]
    queue.fill_between(hours, [one.waiting for one in result.samples], color="#1a73e8", alpha=0.5)
    queue.set_ylabel("recipients waiting")
    rates.plot(hours, _per_hour(result.samples, "taken"), color="#5f6368", label="taken")
    rates.plot(hours, _per_hour(result.samples, "delivered"), color="#188038", label="delivered")
    rates.plot(hours, _per_hour(result.samples, "returned"), color="#d93025", label="returned")
    rates.set_ylabel("recipients an hour")
    rates.legend(fontsize=8, loc="upper right")
    deferrals.plot(hours, _per_hour(result.samples, "deferred"), color="#e8710a")
    deferrals.set_ylabel("deferrals an hour")
    deferrals.set_xlabel("simulated hours")
    for cell in (queue, rates, deferrals):
        cell.set_ylim(bottom=0)
        cell.tick_params(labelsize=8)
        cell.grid(alpha=0.3)
    figure.suptitle(result.settings.title or result.name, fontsize=10)
    figure.tight_layout()
    canvas.print_figure(path, dpi=110, format="png")


def check_plot() -> None:
    """Say now, not after minutes, that a picture cannot be drawn.

    Raises:
        PlotUnavailableError: matplotlib is not installed.
    """
    _canvas()


def _canvas() -> tuple[Any, Any]:
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415 -- an extra
        from matplotlib.figure import Figure  # noqa: PLC0415
    except ImportError:
        raise PlotUnavailableError(
            "a picture needs matplotlib, which is not installed: pip install 'mailrail[sim]', or leave --plot out"
        ) from None
    figure = Figure(figsize=(9, 7))
    return FigureCanvasAgg(figure), figure


def _per_hour(samples: Sequence[Sample], name: str) -> list[float]:
    """Return how fast the sum *name* grew before each sample."""
    rates = [0.0]
    for before, after in itertools.pairwise(samples):
        span_s = after.at_s - before.at_s
        grown = getattr(after, name) - getattr(before, name)
        rates.append(grown / span_s * HOUR_S if span_s > 0 else 0.0)
    return rates

"""The picture: one small bar chart per scenario and unit, medians with the spread of the rounds."""

from pathlib import Path

from bench.results import FOLDER, Results, Row
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

COLOURS = {"wire": "#9aa0a6", "mailrail": "#1a73e8", "postfix": "#e8710a"}
COLUMNS = 3


def write_plot(results: Results, title: str) -> Path:
    """Draw all rows into `bench/results/bench.png`."""
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in results.rows:
        groups.setdefault((row.scenario, row.unit), []).append(row)
    count = max(1, len(groups))
    lines = (count + COLUMNS - 1) // COLUMNS
    figure = Figure(figsize=(4.4 * COLUMNS, 2.6 * lines))
    axes = figure.subplots(lines, COLUMNS, squeeze=False)
    cells = [cell for line in axes for cell in line]
    for cell in cells[len(groups) :]:
        cell.axis("off")
    for cell, ((scenario, unit), rows) in zip(cells, groups.items(), strict=False):
        names = [row.subject for row in rows]
        medians = [row.median for row in rows]
        below = [row.median - min(row.values) for row in rows]
        above = [max(row.values) - row.median for row in rows]
        colours = [COLOURS.get(name, "#5f6368") for name in names]
        bars = cell.bar(names, medians, color=colours, yerr=[below, above], capsize=3)
        cell.bar_label(
            bars,
            labels=[f"{median:,.0f}" if median >= 10 else f"{median:.2f}" for median in medians],
            fontsize=8,
        )
        cell.set_title(scenario, fontsize=9)
        cell.set_ylabel(unit, fontsize=8)
        cell.tick_params(labelsize=8)
        cell.margins(y=0.2)
    figure.suptitle(title, fontsize=10)
    figure.tight_layout()
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = FOLDER / "bench.png"
    FigureCanvasAgg(figure).print_figure(path, dpi=110)
    return path

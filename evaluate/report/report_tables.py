"""The tables of a report, as HTML.

What comes from files goes through `visible` before it becomes a part of a page.
"""

import html
import re
from collections.abc import Mapping, Sequence

from ...output import printable
from ..figures.figures import Estimate, Figures, OperatingPoint, Rate, RobustnessRow
from .formatting import asked, interval, of_origin, percent, points
from .plots import condition

NONE = "–"  # in a cell that has nothing to say


def visible(text: str) -> str:
    """Text of unknown origin, escaped for HTML."""
    return html.escape(printable(text))


def breakable(text: str) -> str:
    """As `visible`, for a name in running text: it may go on in the next line after a mark of punctuation."""
    return re.sub(r"(?<=[_.\-/])(?=\w)", "<wbr>", visible(text))


def cosine(similarity: float, decimals: int = 3) -> str:
    """A similarity or a threshold of similarity."""
    return f"{similarity:.{decimals}f}".replace("-", "−")


def figures_table(models: Mapping[str, Figures], gains: Mapping[str, Estimate]) -> str:
    """All figures of a set but the error rates at thresholds, a column for each model, by its name.

    gains  by how much a model is more accurate than the first
    """
    first = next(iter(models), "")
    columns = [
        _told(figures) | ({f"Accuracy gain over {first}": _points(gains[name])} if name in gains else {})
        for name, figures in models.items()
    ]
    return table("Figures", ["", *map(breakable, models)], _beside(columns))


def points_table(models: Mapping[str, Figures]) -> str:
    """The error rates at given thresholds or the models' own, and at those chosen for a rate; empty without any."""
    several = len(models) > 1
    failed = any(figures.failed for figures in models.values())
    found: dict[str, list[tuple[str, OperatingPoint]]] = {}
    for name, figures in models.items():
        for point in (figures.at_threshold, *figures.points):
            if point is not None:
                goal = of_origin(point.source) if point.fmr_asked is None else f"for FMR {asked(point.fmr_asked)}"
                found.setdefault(goal, []).append((name, point))
    rows = [
        (goal + several * f"<small>{breakable(name)}</small>", _at(point) + failed * [_rate(point.fnmr_with_failures)])
        for goal, those in found.items()
        for name, point in those
    ]
    head = ["Threshold", "Similarity", "False matches (FMR)", "False non-matches (FNMR)", "TAR"]
    return table("Error rates at thresholds", head + failed * ["FNMR, failures counted"], rows) if rows else ""


def unsupported(models: Mapping[str, Figures]) -> str:
    """A paragraph on the rates that the set is too small for; empty where there are none."""
    needed = {fmr: pairs for figures in models.values() for fmr, pairs in figures.unsupported}
    if not needed:
        return ""
    rates = ", ".join(f"{asked(fmr)} takes {pairs:,}" for fmr, pairs in sorted(needed.items(), reverse=True))
    there = " or ".join(f"{count:,}" for count in sorted({figures.impostor for figures in models.values()}))
    return f"<p>Not given, as the set has only {there} pairs of different people: a false match rate of {rates}.</p>"


def robustness_table(models: Mapping[str, Sequence[RobustnessRow]]) -> str:
    """Accuracy and its change under each degradation, a column for each model, by its name."""
    told = [{condition(row.degradation, row.level): _degraded(row) for row in rows} for rows in models.values()]
    return table("Accuracy with degraded pictures", ["", *map(breakable, models)], _beside(told))


def table(caption: str, head: Sequence[str], rows: Sequence[tuple[str, Sequence[str]]]) -> str:
    """A table that scrolls in itself. Heads and cells are HTML; a row is its own head and its other cells."""
    top = "".join(f'<th scope="col">{cell}</th>' if cell else "<td></td>" for cell in head)
    top = f"<thead><tr>{top}</tr></thead>\n" if head else ""
    body = "\n".join(
        f'<tr><th scope="row">{name}</th>{"".join(f"<td>{cell}</td>" for cell in cells)}</tr>' for name, cells in rows
    )
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{caption}">\n'
        f"<table>\n<caption>{caption}</caption>\n"
        f"{top}<tbody>\n{body}\n</tbody>\n</table>\n</div>"
    )


def _beside(models: Sequence[Mapping[str, str]]) -> list[tuple[str, list[str]]]:
    """The rows of a table from its columns, cells by the name of their row."""
    names = dict.fromkeys(name for cells in models for name in cells)
    return [(visible(name), [cells.get(name, NONE) for cells in models]) for name in names]


def _told(figures: Figures) -> dict[str, str]:
    rows = {}
    if (accuracy := figures.accuracy) is not None:
        decided = f"{int(accuracy.right.sum()):,} of {len(accuracy.right):,} pairs right"
        rows["Accuracy, 10 folds"] = _cell(
            percent(accuracy.value),
            interval(accuracy.low, accuracy.high),
            f"± {percent(accuracy.std)} among folds",
            decided,
        )
        rows["Threshold of the folds"] = _cell(
            cosine(1 - accuracy.threshold / 2, 4), f"squared distance {accuracy.threshold:.3f}"
        )
    eer = figures.eer
    rows["Equal error rate (EER)"] = _cell(
        percent(eer.value), interval(eer.low, eer.high), f"at similarity {cosine(figures.eer_threshold, 4)}"
    )
    rows["Area under the ROC curve"] = _cell(f"{figures.auc:.6f}")
    rows["Failure to acquire (FTA)"] = _rate(figures.fta)
    rows["Pairs of the same person"] = _cell(f"{figures.genuine:,}")
    rows["Pairs of different people"] = _cell(f"{figures.impostor:,}")
    rows["People"] = _cell(f"{figures.people:,}", f"{figures.draws:,} draws of them")
    if figures.xnorm is not None:
        rows["Length of raw embeddings"] = _cell(f"{figures.xnorm:.2f}")
    return rows


def _at(point: OperatingPoint) -> list[str]:
    missed = point.fnmr
    tar = _cell(percent(1 - missed.value), interval(1 - missed.high, 1 - missed.low))
    return [_cell(cosine(point.threshold, 4)), _rate(point.fmr), _rate(missed), tar]


def _degraded(row: RobustnessRow) -> str:
    value = _cell(percent(row.accuracy.value), interval(row.accuracy.low, row.accuracy.high))
    if row.degradation == "none":
        return value
    return f"{value}<small>{_points(row.change)}</small>"


def _points(change: Estimate) -> str:
    low, value, high = (points(share).replace("-", "−") for share in (change.low, change.value, change.high))
    return f"{value} points, {low} to {high}"


def _rate(rate: Rate) -> str:
    return _cell(percent(rate.value), interval(rate.low, rate.high), f"{rate.errors:,} of {rate.count:,}")


def _cell(value: str, *details: str) -> str:
    return f"<b>{value}</b>" + "".join(f"<small>{detail}</small>" for detail in details)

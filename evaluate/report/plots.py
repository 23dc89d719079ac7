"""The pictures of figures, as SVG to stand inside a page: ROC and DET curves, similarities, robustness.

Curves are plotted as in ISO/IEC 19795-1; bands and whiskers are intervals of 95 %. The same figures give the same
text. Words, axes and grid have the page's own colour (`currentColor`) and the ground is left free, so that a picture
suits a light page and a dark one. Models differ in colour and in line; the colours are four of those that Okabe and Ito
chose to be told apart by colour-blind people, and the page's. A page may set `--curve-1` to `--curve-4` to others.
"""

from __future__ import annotations

import hashlib
import io
import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...output import printable
from ..figures.comparisons import Comparisons
from ..figures.figures import Curve, Figures, RobustnessRow

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Inches of 72 px: as wide as a telephone shows it, so that 10 px of a letter stay 10 px.
WIDTH, HEIGHT = 4.8, 3.8
BINS = (30, 80)  # of a histogram, few pairs and many
LONGEST_NAME = 40

_INK = "#010203"  # becomes currentColor
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", _INK)
_LINES = ("-", "--", "-.", ":")
_SETTINGS = {
    "svg.fonttype": "none",
    "svg.hashsalt": "sface",
    "text.parse_math": False,  # a name with two dollar signs is no formula
    "axes.unicode_minus": False,
    "font.family": "sans-serif",
    "font.size": 11,
    "legend.fontsize": 11,
    "axes.labelsize": 11,
    "xtick.labelsize": 11,
    "ytick.labelsize": 11,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.8,
    "axes.grid": True,
    "grid.alpha": 0.18,
    "grid.linewidth": 0.8,
    "lines.linewidth": 1.8,
    **dict.fromkeys(("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), _INK),
    "grid.color": _INK,
}
_DET_TICKS = (1e-6, 1e-5, 1e-4, 1e-3, 0.01, 0.05, 0.2, 0.4, 0.6, 0.8, 0.95, 0.99, 0.999)


def roc(models: Mapping[str, Figures | None]) -> str:
    """True acceptance rate over false match rate, for each model by its name; a dot where its `at_threshold` lies.

    A model that is None has no curve and keeps its colour and line: the same in all pictures of a page.
    """

    def plot(axes: Axes) -> None:
        lowest, worst = 0.1, 1.0
        for number, name, figures in _measured(models):
            curve, style = figures.curve, _style(number)
            axes.plot(curve.fmr, 1 - curve.fnmr, label=_short(name), **style)
            axes.fill_between(curve.fmr, 1 - curve.high, 1 - curve.low, color=style["color"], alpha=0.18, linewidth=0)
            for fmr, fnmr in _own_point(figures):
                axes.plot(fmr, 1 - fnmr, "o", color=style["color"])
            lowest = min(lowest, float(curve.fmr.min()))
            worst = min(worst, float(1 - curve.high.max()))
        axes.set_xscale("log")
        decades = 10.0 ** np.arange(np.floor(np.log10(lowest)), 1)
        axes.set_xticks(decades, [f"{100 * rate:g}" for rate in decades])
        axes.minorticks_off()
        axes.set_xlim(lowest, 1)
        bottom = max(0.0, np.floor(20 * worst) / 20)
        axes.set_ylim(bottom, 1 + 0.01 * (1 - bottom))
        _in_percent(axes.yaxis)
        axes.set_xlabel("false match rate, %")
        axes.set_ylabel("true acceptance rate, %")

    return _svg(plot, HEIGHT + 0.22 * len(models))


def det(models: Mapping[str, Figures | None]) -> str:
    """False non-match rate over false match rate, both on axes of normal deviates; models as for `roc`."""

    def plot(axes: Axes) -> None:
        rates = []
        for number, name, figures in _measured(models):
            curve, style = _part(figures.curve), _style(number)
            fmr, fnmr, low, high = (_deviates(rate) for rate in (curve.fmr, curve.fnmr, curve.low, curve.high))
            axes.plot(fmr, fnmr, label=_short(name), **style)
            axes.fill_between(fmr, low, high, color=style["color"], alpha=0.18, linewidth=0)
            for point in _own_point(figures):
                axes.plot(*_deviates(point), "o", color=style["color"])
            rates.append((curve.fmr, np.concatenate([curve.fnmr, curve.high])))
        across = np.concatenate([fmr for fmr, _ in rates])
        up = np.concatenate([fnmr for _, fnmr in rates])
        bounds = _deviates([min(0.1, across.min()), 0.5])
        axes.axline((0, 0), slope=1, color=_INK, alpha=0.5, linewidth=0.8, linestyle=(0, (1, 3)))
        axes.set_xlim(*bounds)
        axes.set_ylim(*_deviates(_around(up[up > 0])))
        for axis in (axes.xaxis, axes.yaxis):
            ticks = _spread(*axis.get_view_interval())
            axis.set_ticks(_deviates(ticks), [f"{100 * rate:g}" for rate in ticks])
        axes.set_xlabel("false match rate, %")
        axes.set_ylabel("false non-match rate, %")

    return _svg(plot, HEIGHT + 0.22 * len(models))


def histogram(comparisons: Comparisons, threshold: float) -> str:
    """How the similarities of genuine and of impostor pairs are spread, each as shares of its own, and a threshold."""

    def plot(axes: Axes) -> None:
        similarity, same = comparisons.similarity[comparisons.compared], comparisons.same[comparisons.compared]
        bins = int(np.clip(np.sqrt(len(same)), *BINS))
        edges = np.histogram_bin_edges(np.append(similarity, threshold), bins)
        kinds = (("different people", ~same, _COLOURS[1], "--"), ("same person", same, _COLOURS[0], "-"))
        for name, chosen, colour, line in kinds:
            shares = np.histogram(similarity[chosen], edges)[0] / max(1, int(chosen.sum()))
            label = f"{name}, {int(chosen.sum()):,} pairs"
            axes.stairs(shares, edges, fill=True, color=colour, alpha=0.25)
            axes.stairs(shares, edges, color=colour, linestyle=line, linewidth=1.4, label=label)
        axes.axvline(threshold, color=_INK, linewidth=1.4, linestyle=":", label=f"threshold {threshold:.3f}")
        axes.set_xlim(edges[0], edges[-1])
        _in_percent(axes.yaxis)
        axes.set_xlabel("similarity")
        axes.set_ylabel("pairs of the kind, %")

    return _svg(plot, HEIGHT)


def robustness(models: Mapping[str, Sequence[RobustnessRow]]) -> str:
    """The accuracy with its interval under each degradation, row by row, a mark for each model; models as for `roc`.

    A model without rows has no marks and keeps its colour.
    """
    conditions = list(dict.fromkeys((row.degradation, row.level) for rows in models.values() for row in rows))

    def plot(axes: Axes) -> None:
        shown = [number for number, rows in enumerate(models.values()) if rows]
        for number, (name, rows) in enumerate(models.items()):
            if not rows:
                continue
            places = [conditions.index((row.degradation, row.level)) for row in rows]
            beside = 0.6 * (shown.index(number) - (len(shown) - 1) / 2) / len(shown)
            values = np.array([row.accuracy.value for row in rows])
            ends = np.array([(row.accuracy.low, row.accuracy.high) for row in rows]).T
            whiskers = np.maximum(0, np.stack([values - ends[0], ends[1] - values]))
            style = {"color": _style(number)["color"], "marker": "osD^v"[number % 5], "markersize": 4}
            axes.errorbar(
                values,
                np.array(places) + beside,
                xerr=whiskers,
                linestyle="none",
                capsize=2,
                label=_short(name),
                **style,
            )
        axes.set_yticks(range(len(conditions)), [condition(*names) for names in conditions])
        axes.set_ylim(len(conditions) - 0.5, -0.5)
        _in_percent(axes.xaxis)
        axes.set_xlabel("accuracy, %")

    rows = len(conditions) * (0.24 + 0.1 * max(0, len(models) - 1))
    return _svg(plot, 1 + rows + 0.2 * len(models))


def condition(degradation: str, level: str) -> str:
    """What a row of a robustness table is called."""
    return "clean" if degradation == "none" else printable(f"{degradation}, {level}")


def _svg(plot: Callable[[Axes], None], height: float) -> str:
    """What `plot` plots, with a legend above, as an SVG element."""
    # matplotlib's objects without pyplot, which has a state that others could disturb; slow to import.
    import matplotlib
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    text = io.StringIO()
    with matplotlib.rc_context(_SETTINGS), warnings.catch_warnings():
        # A name with a letter that the font lacks: the browser has others.
        warnings.simplefilter("ignore", UserWarning)
        figure = Figure(figsize=(WIDTH, height), layout="constrained")
        figure.patch.set_visible(False)
        axes = figure.add_subplot()
        axes.patch.set_visible(False)
        axes.set_axisbelow(True)
        plot(axes)
        figure.legend(loc="outside upper left", ncols=1, handlelength=2.6, borderaxespad=0)
        FigureCanvasSVG(figure).print_svg(text, metadata={"Date": None, "Creator": None})
    return _for_a_page(text.getvalue())


def _for_a_page(svg: str) -> str:
    """Make an SVG file of matplotlib's a part of a page, beside others of its kind: with names of its own."""
    svg = svg[svg.index("<svg") :].strip()
    svg = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>", "", svg, flags=re.DOTALL)
    own = hashlib.sha256(svg.encode()).hexdigest()[:8]

    def renamed(tag: re.Match[str]) -> str:
        text = re.sub(r'( id="|href="#|url\(#)', rf"\g<1>p{own}", tag[0])
        for number, colour in enumerate(_COLOURS[:-1], 1):
            text = text.replace(colour, f"var(--curve-{number}, {colour})")
        return text.replace(_INK, "currentColor")

    return re.sub(r"<[^>]+>", renamed, svg)  # the text between tags may be a model's name


def _measured(models: Mapping[str, Figures | None]) -> Iterator[tuple[int, str, Figures]]:
    for number, (name, figures) in enumerate(models.items()):
        if figures is not None:
            yield number, name, figures


def _style(number: int) -> dict[str, Any]:
    return {"color": _COLOURS[number % len(_COLOURS)], "linestyle": _LINES[number % len(_LINES)]}


def _short(name: str) -> str:
    """A name as long as there is room for; its middle is left out."""
    name, half = printable(name), LONGEST_NAME // 2
    short = name if len(name) <= LONGEST_NAME else f"{name[: half - 1]}…{name[-half:]}"
    return f" {short}" if short.startswith("_") else short  # which matplotlib would leave out of the legend


def _own_point(figures: Figures) -> list[tuple[float, float]]:
    """False match rate and false non-match rate at `at_threshold`, where they lie in the picture."""
    point = figures.at_threshold
    if point is None or point.fmr.value < figures.curve.fmr.min():
        return []
    return [(point.fmr.value, point.fnmr.value)]


def _part(curve: Curve) -> Curve:
    """The part of a curve that a DET picture shows: false match rates up to one half, and the next one."""
    first = max(0, int(np.searchsorted(-curve.fmr, -0.5)) - 1)
    return Curve(curve.fmr[first:], curve.fnmr[first:], curve.low[first:], curve.high[first:])


def _deviates(rates: ArrayLike) -> NDArray[np.float64]:
    """Normal deviates of rates; of 0 and 1, which have none, places outside of every picture."""
    inside = np.clip(np.asarray(rates, dtype=np.float64), 1e-9, 1 - 1e-9)
    return np.array([NormalDist().inv_cdf(rate) for rate in inside.tolist()])


def _around(rates: NDArray[np.float64]) -> tuple[float, float]:
    """The ticks of a DET picture next to the lowest and the highest of these rates."""
    below = [tick for tick in _DET_TICKS if tick <= rates.min()]
    above = [tick for tick in _DET_TICKS if tick >= rates.max()]
    return below[-1] if below else _DET_TICKS[0], above[0] if above else _DET_TICKS[-1]


def _spread(low: float, high: float) -> list[float]:
    """The ticks of a DET axis from deviate `low` to `high` that are not too near to each other for their labels."""
    ticks: list[float] = []
    for tick, place in zip(_DET_TICKS, _deviates(_DET_TICKS), strict=True):
        near = ticks and place - _deviates([ticks[-1]])[0] < (high - low) / 9
        if low - 1e-9 <= place <= high + 1e-9 and not near:
            ticks.append(tick)
    return ticks


def _in_percent(axis: Any) -> None:
    from matplotlib.ticker import FuncFormatter

    axis.set_major_formatter(FuncFormatter(lambda share, _: f"{round(100 * share, 6):g}"))

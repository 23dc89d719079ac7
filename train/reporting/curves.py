"""The curves of a run as one picture, from its log."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ...errors import DataError
from ...files import write_atomically
from .run_log import LOG, read_records

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.backends.backend_agg import FigureCanvasAgg

CURVES = "curves.png"

# More points than pixels only cost time; each then is the mean of a run of measurements.
POINTS = 600


def draw_curves(outdir: Path) -> Path:
    """Draw the log of the run in `outdir` as `outdir`/curves.png and give that path.

    Six panels over steps: loss and its parts, mean cosines, top-1, learning rate, verification accuracies, speed.
    Raises DataError where nothing was logged, StorageError where the disk refuses.
    """
    records = read_records(outdir)
    if not records:
        raise DataError("holds no measurement to draw", path=outdir / LOG)
    path = outdir / CURVES
    with warnings.catch_warnings():
        # A curve without extent, a set's name with a letter that the font lacks: the picture is there all the same.
        warnings.simplefilter("ignore", UserWarning)
        write_atomically(path, _draw(records).print_png)
    return path


def _draw(records: Sequence[Mapping[str, Any]]) -> FigureCanvasAgg:
    # matplotlib's objects without pyplot: no state that others could disturb, and imported by who draws alone.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    curves = _thinned([record for record in records if "loss" in record])
    verifications = [record for record in records if "verification" in record]
    figure = Figure(figsize=(15, 8), dpi=100)
    figure.subplots_adjust(left=0.05, right=0.99, bottom=0.06, top=0.95, wspace=0.18, hspace=0.25)
    loss, cosines, top1, rate, accuracy, speed = figure.subplots(2, 3).flat
    _plot(loss, "loss (negative is good)", curves, {"loss": "loss", "intra": "intra", "inter": "inter"})
    _plot(cosines, "mean cosine", curves, {"cos_genuine": "to the own class", "cos_impostor": "to other classes"})
    _plot(top1, "top-1 of training images", curves, {"top1": ""})
    _plot(rate, "learning rate", curves, {"lr": ""})
    if (curves.get("lr", np.zeros(1)) > 0).any():
        rate.set_yscale("log", nonpositive="mask")
    _plot_accuracies(accuracy, verifications)
    _plot(speed, "images/s", curves, {"images_per_second": ""})
    for axes in figure.axes:
        axes.grid(alpha=0.3)
        axes.set_xlabel("step")
    return FigureCanvasAgg(figure)


def _thinned(measurements: Sequence[Mapping[str, Any]]) -> dict[str, NDArray[np.float64]]:
    """Curves (P,) by name, P at most POINTS, "step" among them."""
    if not measurements:
        return {}
    numbers = [name for name, value in measurements[-1].items() if isinstance(value, (int, float))]
    table = np.array([[record.get(name, np.nan) for name in numbers] for record in measurements], dtype=np.float64)
    starts = np.unique(np.linspace(0, len(table), min(POINTS, len(table)), endpoint=False).astype(int))
    means = np.add.reduceat(table, starts, axis=0) / np.diff(np.append(starts, len(table)))[:, None]
    return dict(zip(numbers, means.T, strict=True))


def _plot(axes: Axes, title: str, curves: Mapping[str, NDArray[np.float64]], shown: Mapping[str, str]) -> None:
    """The curves named in `shown`, which gives their names in the legend."""
    axes.set_title(title, fontsize=10)
    for name, label in shown.items():
        if name in curves:
            axes.plot(curves["step"], curves[name], label=label, linewidth=1, **_marker(len(curves["step"])))
    if any(shown.values()) and curves:
        axes.legend(fontsize=8)


def _plot_accuracies(axes: Axes, verifications: Sequence[Mapping[str, Any]]) -> None:
    axes.set_title("verification accuracy" if verifications else "verification accuracy (no set yet)", fontsize=10)
    names = dict.fromkeys(name for record in verifications for name in record["verification"])
    for name in names:
        records = [record for record in verifications if name in record["verification"]]
        values = [record["verification"][name]["accuracy"] for record in records]
        label = name.replace("$", r"\$")  # no formula
        axes.plot([record["step"] for record in records], values, label=label, linewidth=1, **_marker(len(records)))
    if len(names) > 1:
        means = [record["mean_accuracy"] for record in verifications]
        axes.plot([record["step"] for record in verifications], means, "k--", label="mean", linewidth=1.5)
    if names:
        axes.legend(fontsize=8)


def _marker(points: int) -> dict[str, Any]:
    """A few points are seen as such, one alone at all."""
    return {"marker": "o", "markersize": 3} if points < 30 else {}

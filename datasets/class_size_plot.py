"""How many images each person of a training set has, as a picture."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..files import write_atomically

_BARS = 60  # at most


def plot_class_sizes(sizes: NDArray[np.int64], title: str, path: Path) -> None:
    """Plot `sizes` (C,), the images of each person, as the PNG file `path`. Raises StorageError.

    Two panels: how many people have how many images, and all people side by side, those with most images first.
    """
    # No pyplot, whose state others could disturb; imported only where it is needed.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 4.5), dpi=100, layout="constrained")
    figure.suptitle(title.replace("$", r"\$"), fontsize=10)  # no formula
    people, ranked = figure.subplots(1, 2)
    width = -(-(int(sizes.max()) + 1) // _BARS)  # a whole number, so that no bar holds more numbers than its neighbour
    people.hist(sizes, bins=np.arange(0, sizes.max() + 1 + width, width) - 0.5)
    people.axvline(np.median(sizes), color="k", linestyle="--", linewidth=1, label=f"median {np.median(sizes):g}")
    people.legend(fontsize=8)
    people.set_xlabel("images per person")
    people.set_ylabel("people")
    ranked.fill_between(np.arange(len(sizes)) + 0.5, np.sort(sizes)[::-1], step="mid")
    ranked.set_xlabel("people, those with most images first")
    ranked.set_ylabel("images")
    for axes in (people, ranked):
        axes.grid(alpha=0.3)
        axes.set_ylim(bottom=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a name with a letter that the font lacks
        write_atomically(path, FigureCanvasAgg(figure).print_png)

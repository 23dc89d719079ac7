"""One picture of the demo: the loss over time, and two pairs of photos with what was found and decided."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from measure import Pair
from numpy.typing import NDArray

from sface.align import align_face, load_image
from sface.train.reporting.run_log import read_log


def write_picture(file: Path, run: Path, pairs: Sequence[Pair], decisions: Sequence[dict[str, Any]]) -> None:
    """Write `file`. `decisions` are face-verify's JSON, one for each pair."""
    figure = plt.figure(figsize=(13, 8.5), layout="constrained")
    grid = figure.add_gridspec(3, 5, height_ratios=[1, 1, 1])
    _curves(figure.add_subplot(grid[0, :]), run)
    for row, (pair, decision) in enumerate(zip(pairs, decisions, strict=True), start=1):
        for side, (path, face) in enumerate(zip(pair, decision["faces"], strict=True)):
            image = load_image(path)
            _photo(figure.add_subplot(grid[row, 2 * side]), image, face, path.parent.name)
            crop = figure.add_subplot(grid[row, 2 * side + 1])
            crop.imshow(align_face(image, np.array(face["landmarks"], dtype=np.float32)))
            crop.set_title("aligned, 112 x 112", fontsize=9)
            crop.axis("off")
        _decision(figure.add_subplot(grid[row, 4]), decision)
    figure.savefig(file, dpi=110)
    plt.close(figure)


def _curves(axes: Axes, run: Path) -> None:
    log = read_log(run)
    steps = [record["step"] for record in log]
    for name, label in (("intra", "intra: pull to the own class"), ("inter", "inter: push from the others")):
        axes.plot(steps, [record[name] for record in log], label=label)
    axes.plot(steps, [record["loss"] for record in log], label="loss, their sum", color="black")
    axes.set_xlabel("step")
    axes.set_title("SFace loss in training")
    axes.legend(fontsize=9)


def _photo(axes: Axes, image: NDArray[np.uint8], face: dict[str, Any], title: str) -> None:
    left, top, right, bottom = face["box"]
    points = np.array(face["landmarks"])
    axes.imshow(image)
    axes.plot([left, right, right, left, left], [top, top, bottom, bottom, top], color="lime", linewidth=1.5)
    axes.plot(points[:, 0], points[:, 1], "o", color="yellow", markersize=3)
    axes.set_title(title, fontsize=9)
    axes.axis("off")


def _decision(axes: Axes, decision: dict[str, Any]) -> None:
    word, color = ("SAME", "green") if decision["same"] else ("DIFFERENT", "firebrick")
    text = f"{word}\n\nsimilarity {decision['similarity']:.2f}\nthreshold {decision['threshold']:.2f}"
    axes.text(0.5, 0.5, text, ha="center", va="center", fontsize=14, color=color)
    axes.axis("off")

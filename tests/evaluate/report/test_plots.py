"""The pictures of figures: what is drawn lies where its axes say, and is told apart."""

import dataclasses
import functools
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import norm

from sface.evaluate.figures.comparisons import Comparisons
from sface.evaluate.figures.figures import Curve, Figures
from sface.evaluate.figures.measure import measure
from sface.evaluate.report import plots
from tests.evaluate.evaluations import DRAWS, drawn_comparisons, robustness_rows

SVG = "{http://www.w3.org/2000/svg}"
LINK = "{http://www.w3.org/1999/xlink}href"
Numbers = NDArray[Any]
COMPARISONS = drawn_comparisons()


@functools.cache
def figures(comparisons: Comparisons = COMPARISONS, threshold: float | None = None) -> Figures:
    return measure(comparisons, threshold=threshold, draws=DRAWS)


@dataclass
class Picture:
    """An SVG, read back. Ticks are given as their labels and their places in pixels."""

    root: ElementTree.Element

    @classmethod
    def of(cls, svg: str) -> "Picture":
        return cls(ElementTree.fromstring(svg))

    @property
    def texts(self) -> list[str]:
        return ["".join(text.itertext()).strip() for text in self.root.iter(f"{SVG}text")]

    def marks(self) -> list[list[tuple[float, float]]]:
        """The places of each kind of mark in the order of drawing; the ticks of the two axes come first.

        A band may be placed as marks are, with its origin at the left edge of the picture.
        """
        kinds: dict[str, list[tuple[float, float]]] = {}
        for mark in self.root.iter(f"{SVG}use"):
            if float(mark.attrib["x"]) > 0:
                kinds.setdefault(mark.attrib[LINK], []).append((float(mark.attrib["x"]), float(mark.attrib["y"])))
        return list(kinds.values())

    def ticks(self) -> tuple[tuple[list[str], Numbers], tuple[list[str], Numbers]]:
        across, up = self.marks()[:2]
        labels = self.texts
        first, second = labels[: len(across)], labels[len(across) + 1 : len(across) + 1 + len(up)]
        return (first, np.array([x for x, _ in across])), (second, np.array([y for _, y in up]))

    def paths(self) -> list[dict[str, str]]:
        """The lines inside the axes that have more than two points, not those of legend and grid."""
        paths = [path.attrib for path in self.root.iter(f"{SVG}path") if "clip-path" in path.attrib]
        return [path for path in paths if "fill: none" in path["style"] and path["d"].count("L") > 1]

    def lines(self) -> list[Numbers]:
        """Their points (n, 2)."""
        return [np.array(re.findall(r"[ML] (\S+) (\S+)", path["d"]), dtype=float) for path in self.paths()]

    def styles(self) -> list[str]:
        """How they are drawn."""
        return [path["style"] for path in self.paths()]


def to_pixels(ticks: tuple[list[str], Numbers], scale: Callable[[Numbers], Numbers]) -> Callable[[Numbers], Numbers]:
    """From values in percent to pixels, by the outermost ticks of an axis on which `scale` of a value is even."""
    labels, places = ticks
    low, high = scale(np.array([float(labels[0]), float(labels[-1])]))
    return lambda values: places[0] + (scale(np.asarray(values)) - low) / (high - low) * (places[-1] - places[0])


def deviates(percent: Numbers) -> Numbers:
    return np.asarray(norm.ppf(percent / 100))


def test_roc() -> None:
    one = figures(threshold=0.3)
    picture = Picture.of(plots.roc({"face.onnx": one}))
    x, y = to_pixels(picture.ticks()[0], np.log10), to_pixels(picture.ticks()[1], lambda value: value)
    expected = np.stack([x(100 * one.curve.fmr), y(100 * (1 - one.curve.fnmr))], axis=1)
    np.testing.assert_allclose(picture.lines()[0], expected, atol=0.01)
    assert one.at_threshold is not None
    dot = x(np.array(100 * one.at_threshold.fmr.value)), y(np.array(100 * (1 - one.at_threshold.fnmr.value)))
    np.testing.assert_allclose(picture.marks()[-1], [dot], atol=0.01)
    assert {"false match rate, %", "true acceptance rate, %", "face.onnx"} <= set(picture.texts)


def test_det() -> None:
    one = figures(threshold=0.3)
    picture = Picture.of(plots.det({"face.onnx": one}))
    x, y = (to_pixels(ticks, deviates) for ticks in picture.ticks())
    shown = (one.curve.fmr <= 0.5) & (one.curve.fnmr > 0)
    expected = np.stack([x(100 * one.curve.fmr[shown]), y(100 * one.curve.fnmr[shown])], axis=1)
    line = picture.lines()[0]
    distances = np.linalg.norm(line[:, None] - expected, axis=2)
    assert distances.min(axis=0).max() < 0.01
    assert one.at_threshold is not None
    dot = x(np.array(100 * one.at_threshold.fmr.value)), y(np.array(100 * one.at_threshold.fnmr.value))
    np.testing.assert_allclose(picture.marks()[-1], [dot], atol=0.01)
    # All ticks, not only the outermost two, lie where the axis has them.
    for (labels, places), axis in zip(picture.ticks(), (x, y), strict=True):
        np.testing.assert_allclose(places, axis(np.array(labels, dtype=float)), atol=0.01)


@pytest.mark.parametrize("draw", [plots.roc, plots.det])
def test_a_band_around_the_curve(draw: Callable[[dict[str, Figures]], str]) -> None:
    one = figures()
    wider = dataclasses.replace(one.curve, high=np.minimum(1, one.curve.high + 0.1))
    assert draw({"m": one}) != draw({"m": dataclasses.replace(one, curve=wider)})
    lower = dataclasses.replace(one.curve, low=one.curve.low / 2)
    assert draw({"m": one}) != draw({"m": dataclasses.replace(one, curve=lower)})


@pytest.mark.parametrize("draw", [plots.roc, plots.det])
def test_no_dot_where_the_set_cannot_tell_the_rate(draw: Callable[[dict[str, Figures]], str]) -> None:
    assert len(Picture.of(draw({"m": figures(threshold=0.3)})).marks()) == 3
    assert len(Picture.of(draw({"m": figures(threshold=0.99)})).marks()) == 2
    assert len(Picture.of(draw({"m": figures()})).marks()) == 2


def test_models_differ_in_colour_and_line() -> None:
    one = figures()
    styles = Picture.of(plots.roc({f"model {number}": one for number in range(20)})).styles()
    assert len(styles) == len(set(styles)) == 20
    first, second = Picture.of(plots.roc({"a": one, "b": one})).styles()
    assert re.search(r"stroke: [^;]+", first) != re.search(r"stroke: [^;]+", second)
    assert "dasharray" in second and "dasharray" not in first


def test_a_model_without_the_set_keeps_its_style_for_others() -> None:
    one = figures()
    both, alone = (Picture.of(plots.roc({"a": first, "b": one})) for first in (one, None))
    assert alone.styles() == both.styles()[1:]
    assert "a" not in alone.texts


def test_histogram() -> None:
    comparisons = drawn_comparisons(pairs=400, failed=3)
    picture = Picture.of(plots.histogram(comparisons, 0.25))
    assert {"different people, 197 pairs", "same person, 197 pairs", "threshold 0.250"} <= set(picture.texts)
    x, y = (to_pixels(ticks, lambda value: value) for ticks in picture.ticks())
    vertical = [
        path.attrib["d"]
        for path in picture.root.iter(f"{SVG}path")
        if "stroke-dasharray" in path.attrib.get("style", "") and path.attrib["d"].count("L") == 1
    ]
    place = float(re.findall(r"M (\S+)", vertical[0])[0])
    assert place == pytest.approx(float(x(np.array(0.25))), abs=0.01)
    # Steps of a kind, as heights over the base, add up to all of its pairs.
    base = float(y(np.array(0.0)))
    for line in picture.lines():
        heights = {float(left): base - float(top) for left, top in line}
        per_percent = base - float(y(np.array(1.0)))
        assert sum(heights.values()) / per_percent == pytest.approx(100, abs=1)


def test_robustness() -> None:
    accuracy = figures().accuracy
    assert accuracy is not None
    picture = Picture.of(plots.robustness({"a": robustness_rows(accuracy, 0.1, 0.2), "b": ()}))
    (x_labels, x_places), (rows, places) = picture.ticks()
    assert rows == ["clean", "blur, sigma 1 px", "blur, sigma 2 px"]
    x = to_pixels((x_labels, x_places), lambda value: value)
    *dots, _ = picture.marks()[-1]  # the last one is the legend's
    values = np.array([accuracy.value, accuracy.value - 0.1, accuracy.value - 0.2])
    np.testing.assert_allclose([dot for dot, _ in dots], x(100 * values), atol=0.01)
    np.testing.assert_allclose([dot for _, dot in dots], places, atol=0.01)
    caps = np.array([place for mark in picture.marks()[2:-1] for place, _ in mark])
    assert np.abs(caps[:, None] - x(100 * np.array([accuracy.low, accuracy.high]))).min(axis=0).max() < 0.01
    assert "a" in picture.texts and "b" not in picture.texts


@pytest.mark.parametrize(
    "name", ["$x$ $y$", "<script>alert(1)</script>", "a & b", "_hidden.onnx", "模型.onnx", 'id="x"']
)
def test_names_are_text(name: str) -> None:
    one = figures()
    assert one.accuracy is not None
    rows = robustness_rows(one.accuracy, 0.1)
    for svg in (plots.roc({name: one}), plots.det({name: one}), plots.robustness({name: rows})):
        assert name in Picture.of(svg).texts


def test_a_long_name_loses_its_middle() -> None:
    name = "a" * 50 + "-epoch-14.onnx"
    shown = next(text for text in Picture.of(plots.roc({name: figures()})).texts if "…" in text)
    assert shown.startswith("aaa") and shown.endswith("-epoch-14.onnx")
    assert len(shown) <= plots.LONGEST_NAME


@pytest.mark.parametrize("apart", [0.0, 5.0], ids=["guessing", "perfect"])
@pytest.mark.parametrize("pairs", [20, 400])
def test_the_worst_and_the_best(apart: float, pairs: int) -> None:
    comparisons = drawn_comparisons(pairs=pairs, apart=apart)
    one = figures(comparisons, threshold=0.2)
    for svg in (plots.roc({"m": one}), plots.det({"m": one}), plots.histogram(comparisons, 0.2)):
        assert "nan" not in svg


def test_a_curve_of_one_point() -> None:
    """Three impostor pairs support no lower false match rate than 1."""
    point = np.array([1.0])
    one = dataclasses.replace(figures(), curve=Curve(point, np.zeros(1), np.zeros(1), point))
    for svg in (plots.roc({"m": one}), plots.det({"m": one})):
        assert "nan" not in svg


def test_a_part_of_any_page() -> None:
    svg = plots.roc({"m": figures()})
    assert svg.startswith("<svg") and svg.endswith("</svg>")
    assert "<style" not in svg and "<metadata" not in svg
    other = plots.roc({"n": figures()})
    ids, others = (set(re.findall(r'id="([^"]+)"', text)) for text in (svg, other))
    assert ids and not ids & others
    assert set(re.findall(r'(?:href="#|url\(#)([^")]+)', svg)) <= ids
    # No ink and no ground of its own.
    assert "#000000" not in svg and "#ffffff" not in svg and "currentColor" in svg


def test_the_same_text_every_time() -> None:
    code = (
        "import sys\n"
        "from sface.evaluate.report import plots\n"
        "print([name for name in ('matplotlib', 'sklearn', 'jittor', 'onnxruntime') if name in sys.modules])\n"
        "from tests.evaluate.report.test_plots import figures, drawn_comparisons\n"
        "one = figures()\n"
        "print(plots.roc({'m': one}), plots.histogram(drawn_comparisons(), 0.2))\n"
        "print('matplotlib.pyplot' in sys.modules)\n"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "7"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    imported, *svg, pyplot = done.stdout.splitlines()
    assert imported == "[]" and pyplot == "False"
    assert "\n".join(svg) == f"{plots.roc({'m': figures()})} {plots.histogram(drawn_comparisons(), 0.2)}"

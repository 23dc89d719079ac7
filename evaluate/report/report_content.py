"""What a report shows of each set, ready for the templates: figures, plots and the worst errors of each model."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from ..evaluated_model import EvaluatedModel, EvaluatedSet
from ..figures.figures import Estimate, Figures, OperatingPoint, RobustnessRow
from . import plots
from .contact_sheet import ContactSheet, contact_sheet
from .formatting import asked, counted, of_origin, percent
from .rendering import cosine


class Headline(NamedTuple):
    """The first figure of a set, with its interval and in words what it is."""

    value: float
    low: float
    high: float
    what: str


@dataclass(frozen=True, slots=True)
class Similarities:
    """The similarities of a model on a set, and the errors at the threshold that decides in the report.

    origin     what the threshold is, in words
    histogram  SVG, and `label` for those who don't see it
    sheet      None where the set has no pictures
    """

    threshold: float
    origin: str
    histogram: str
    label: str
    sheet: ContactSheet | None


@dataclass(frozen=True, slots=True)
class ReportSet:
    """A set, as models that were measured on it see it; models by name.

    gains       of each model over the first one's accuracy, where they can be compared
    points      (what the threshold is, model, error rates at it), those of one kind of threshold in a row
    roc, det    SVG, and `curves_label` for those who don't see them
    robustness  SVG; None where no model's was measured
    conditions  of the degraded pictures by name, the row of each model
    """

    anchor: str
    name: str
    models: Mapping[str, EvaluatedSet]
    gains: Mapping[str, Estimate]
    points: list[tuple[str, str, OperatingPoint]]
    roc: str
    det: str
    curves_label: str
    similarities: Mapping[str, Similarities]
    robustness: str | None
    conditions: Mapping[str, Mapping[str, RobustnessRow]]

    @property
    def figures(self) -> list[Figures]:
        return [entry.figures for entry in self.models.values()]

    @property
    def protocols(self) -> list[str]:
        return list(dict.fromkeys(entry.comparisons.protocol for entry in self.models.values()))

    @property
    def degraded_models(self) -> list[str]:
        """Those whose robustness was measured."""
        return [name for name, entry in self.models.items() if entry.robustness]

    @property
    def has_folds(self) -> bool:
        return any(figures.accuracy for figures in self.figures)

    @property
    def has_lengths(self) -> bool:
        return any(figures.xnorm is not None for figures in self.figures)

    @property
    def has_failures(self) -> bool:
        return any(figures.failed for figures in self.figures)

    @property
    def has_thresholds(self) -> bool:
        return any(figures.at_threshold for figures in self.figures)

    @property
    def shows_faces(self) -> bool:
        sheets = [each.sheet for each in self.similarities.values() if each.sheet is not None]
        return any(sheet.false_matches or sheet.false_non_matches for sheet in sheets)

    @property
    def unsupported(self) -> str:
        """A sentence on the rates that the set is too small for; empty where there are none."""
        needed = {fmr: pairs for figures in self.figures for fmr, pairs in figures.unsupported}
        if not needed:
            return ""
        rates = ", ".join(f"{asked(fmr)} takes {pairs:,}" for fmr, pairs in sorted(needed.items(), reverse=True))
        there = " or ".join(f"{count:,}" for count in sorted({figures.impostor for figures in self.figures}))
        return f"Not given, as the set has only {there} pairs of different people: a false match rate of {rates}."


def report_set(anchor: str, name: str, models: Mapping[str, EvaluatedModel]) -> ReportSet:
    """The set of that name. Models that weren't measured on it keep their colour in the plots of all sets."""
    everyone = {model: _of(evaluated, name) for model, evaluated in models.items()}
    there = {model: entry for model, entry in everyone.items() if entry is not None}
    figures = {model: entry.figures if entry else None for model, entry in everyone.items()}
    robustness = {model: entry.robustness if entry else () for model, entry in everyone.items()}
    shown = ", ".join(f"{model} (EER {percent(entry.figures.eer.value)})" for model, entry in there.items())
    conditions: dict[str, dict[str, RobustnessRow]] = {}
    for model, rows in robustness.items():
        for row in rows:
            conditions.setdefault(plots.condition(row.degradation, row.level), {})[model] = row
    return ReportSet(
        anchor=anchor,
        name=name,
        models=there,
        gains={model: entry.accuracy_gain for model, entry in there.items() if entry.accuracy_gain is not None},
        points=_points(there),
        roc=plots.roc(figures),
        det=plots.det(figures),
        curves_label=f"{name}: {shown}",
        similarities={model: _similarities(model, entry) for model, entry in there.items()},
        robustness=plots.robustness(robustness) if conditions else None,
        conditions=conditions,
    )


def headline(figures: Figures) -> Headline:
    """The accuracy of the literature, else TAR at the lowest false match rate, else the equal error rate."""
    if (accuracy := figures.accuracy) is not None:
        what = f"of {counted(len(accuracy.right), 'pair')} decided rightly"
        return Headline(accuracy.value, accuracy.low, accuracy.high, what)
    if figures.points:
        point = figures.points[-1]
        what = f"of pairs of the same person recognised at a false match rate of {asked(point.fmr_asked or 0)}"
        return Headline(1 - point.fnmr.value, 1 - point.fnmr.high, 1 - point.fnmr.low, what)
    eer = figures.eer
    return Headline(eer.value, eer.low, eer.high, "errors of both kinds, where they are equally frequent")


def decision_threshold(figures: Figures) -> tuple[float, str]:
    """The similarity at which errors are shown, and what it is: the given threshold or the model's own, else that of
    the ten folds, else that of equal error.
    """
    if figures.at_threshold is not None:
        return figures.at_threshold.threshold, of_origin(figures.at_threshold.source)
    if figures.accuracy is not None:
        return 1 - figures.accuracy.threshold / 2, "the mean threshold of the ten folds"
    return figures.eer_threshold, "the threshold of equal error"


def limits(models: Mapping[str, EvaluatedModel]) -> list[tuple[str, str]]:
    """What the sets can't tell: the set's name, and a sentence."""
    return list(dict.fromkeys(_limits(models)))


def _limits(models: Mapping[str, EvaluatedModel]) -> Iterator[tuple[str, str]]:
    for model in models.values():
        for entry in model.sets:
            figures, name = entry.figures, entry.comparisons.name
            yield (
                name,
                f"{counted(figures.genuine, 'pair')} of the same person and {figures.impostor:,} of different people "
                f"among {figures.people:,} people. False match rates below {percent(float(figures.curve.fmr.min()))} "
                "can't be told from it.",
            )
            if figures.failed:
                found = "" if model.detector == "aligned" else f" (faces found by {model.detector})"
                pictures = counted(figures.photos, "picture")
                yield name, f"{figures.failed:,} of {pictures} gave no face to compare{found}."


def _of(model: EvaluatedModel, name: str) -> EvaluatedSet | None:
    """The set of that name, if the model was measured on it."""
    return next((entry for entry in model.sets if entry.comparisons.name == name), None)


def _points(models: Mapping[str, EvaluatedSet]) -> list[tuple[str, str, OperatingPoint]]:
    found: dict[str, list[tuple[str, str, OperatingPoint]]] = {}
    for name, entry in models.items():
        for point in (entry.figures.at_threshold, *entry.figures.points):
            if point is not None:
                goal = of_origin(point.source) if point.fmr_asked is None else f"for FMR {asked(point.fmr_asked)}"
                found.setdefault(goal, []).append((goal, name, point))
    return [each for those in found.values() for each in those]


def _similarities(model: str, entry: EvaluatedSet) -> Similarities:
    threshold, origin = decision_threshold(entry.figures)
    return Similarities(
        threshold=threshold,
        origin=origin,
        histogram=plots.histogram(entry.comparisons, threshold),
        label=(
            f"Histogram of the similarities of {model} on {entry.comparisons.name}, of pairs of the same person and of "
            f"different people, with {origin}, {cosine(threshold)}"
        ),
        sheet=None if entry.pictures is None else contact_sheet(entry, threshold),
    )

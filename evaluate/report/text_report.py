"""What `sface eval` has measured, in words for a person and as fields for a program."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from ..evaluated_model import EvaluatedModel, EvaluatedSet
from ..figures.figures import Rate, RobustnessRow
from ..identification.identification_figures import IdentificationFigures
from .formatting import asked, identification_limits, interval, of_origin, percent, points

_Row = tuple[str, str, str]  # figure, value, interval


def model_in_words(model: EvaluatedModel, first: str) -> str:
    """The figures of a model, below what it is and how its embeddings were made; `first`: the first model's name."""
    flip = "mirror images added" if model.flip else "without mirror images"
    faces = "" if model.detector == "aligned" else f", faces found by {model.detector}"
    return "\n".join(
        [
            f"{model.path}: {model.metadata.get('network', 'unknown network')}, {flip}{faces}",
            *(set_in_words(entry, first) for entry in model.sets),
            *map(identification_in_words, model.identifications),
        ]
    )


def set_in_words(evaluated: EvaluatedSet, first: str) -> str:
    """The figures of a set, one a line, below its name and how its pairs came about.

    first  the first model's name
    """
    figures = evaluated.figures
    rows: list[_Row] = []
    if (told := figures.accuracy) is not None:
        rows.append(("accuracy", f"{percent(told.value)} ± {percent(told.std)}", interval(told.low, told.high)))
    if (gain := evaluated.accuracy_gain) is not None:
        rows.append(
            (f"accuracy gain over {first}", points(gain.value), f"{points(gain.low)} to {points(gain.high)} points")
        )
    rows.append(("EER", percent(figures.eer.value), interval(figures.eer.low, figures.eer.high)))
    rows += [_complement(f"TAR at FMR {asked(point.fmr_asked or 0)}", point.fnmr) for point in figures.points]
    if (point := figures.at_threshold) is not None:
        at = f"at {of_origin(point.source)}, {point.threshold:.3f}"
        rows += [_rate(f"FMR {at}", point.fmr), _rate(f"FNMR {at}", point.fnmr)]
    rows.append(_rate("FTA", figures.fta))
    rows += [_degraded(row) for row in evaluated.robustness]
    lines = [f"{figures.name}: {figures.protocol}", *_table(rows)]
    if figures.unsupported:
        fmr, needed = max(figures.unsupported)
        lines.append(f"  FMR {asked(fmr)} takes {needed:,} impostor pairs, there are {figures.impostor:,}")
    return "\n".join(lines)


def identification_in_words(found: IdentificationFigures) -> str:
    """The rates of identification, one a line, below how they came about."""
    rows = [_complement(f"rank {row.rank}", row.missed) for row in found.ranks]
    if (point := found.verification) is not None:
        rows.append(_complement(f"TAR at FMR {asked(point.fmr_asked or 0)}", point.fnmr))
    about = f"{found.photos:,} photos of {found.people:,} people among {found.distractors:,} distractors"
    lines = [f"{found.name}: {found.protocol}", f"  {about}", *_table(rows)]
    return "\n".join([*lines, *(f"  {told}" for told in identification_limits(found))])


def set_fields(evaluated: EvaluatedSet) -> dict[str, Any]:
    """For JSON: those of `Figures.to_dict`, `accuracy_gain` over the first network, and `robustness`, each where there
    is one."""
    fields = evaluated.figures.to_dict()
    if (gain := evaluated.accuracy_gain) is not None:
        fields["accuracy_gain"] = asdict(gain)
    if evaluated.robustness:
        fields["robustness"] = [
            {
                "degradation": row.degradation,
                "level": row.level,
                "accuracy": row.accuracy.value,
                "accuracy_std": row.accuracy.std,
                "accuracy_interval": [row.accuracy.low, row.accuracy.high],
                "change": asdict(row.change),
            }
            for row in evaluated.robustness
        ]
    return fields


def _rate(name: str, rate: Rate) -> _Row:
    return name, percent(rate.value), interval(rate.low, rate.high)


def _complement(name: str, rate: Rate) -> _Row:
    return name, percent(1 - rate.value), interval(1 - rate.high, 1 - rate.low)


def _degraded(row: RobustnessRow) -> _Row:
    name = f"{row.degradation} {row.level}".strip()
    if row.degradation == "none":
        name, change = "clean", ""
    else:
        change = f"  {points(row.change.value)}"
    return f"  {name}", f"{percent(row.accuracy.value)}{change}", interval(row.accuracy.low, row.accuracy.high)


def _table(rows: Sequence[_Row]) -> list[str]:
    names, values = (max(len(row[column]) for row in rows) for column in (0, 1))
    return [f"  {name:<{names}}  {value:<{values}}  ({between})" for name, value, between in rows]

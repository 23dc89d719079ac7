"""What a model card tells of measurements: each table with the file, the command and the set that it is from."""

from ...output import printable
from ..figures.figures import OperatingPoint, Rate
from ..identification.identification_figures import Identification
from .evaluation_file import Evaluation, Target
from .formatting import asked, identification_limits, interval, of_origin, percent, points
from .markdown import code_block, escape, table

_HEAD = ("figure", "value", "interval", "counted on")
_Row = tuple[str, str, str, str]


def evaluation_section(file: str, evaluation: Evaluation) -> str:
    """The figures of one command, which were read in the file named `file`."""
    flip = "and the mirror image's embedding added" if evaluation.flip else "without mirror images"
    faces = "crops" if evaluation.detector == "aligned" else f"faces found by {escape(evaluation.detector)}"
    parts = [
        f"From {escape(file)}, measured by sface {escape(evaluation.version)} on {faces}, {flip}, with",
        code_block(printable(evaluation.command), "sh"),
        *(_verification(name, target) for name, target in evaluation.targets.items()),
        *(_identification(name, found) for name, found in (evaluation.identification or {}).items()),
    ]
    return "\n\n".join(parts)


def _verification(name: str, target: Target) -> str:
    parts = [
        f"### {escape(name)}",
        f"{escape(target.protocol)}: {target.people:,} people, {target.genuine:,} genuine and {target.impostor:,} "
        f"impostor pairs; intervals of 95 % over people, from {target.draws:,} draws of them.",
        table(_HEAD, _rows(target)),
    ]
    if target.unsupported:
        least = max(target.unsupported, key=lambda rate: rate.fmr)
        parts.append(
            f"False match rates of {asked(least.fmr)} and below can't be measured on this set: {target.impostor:,} "
            f"impostor pairs are too few, {asked(least.fmr)} takes {least.impostor_pairs_needed:,}."
        )
    if target.robustness:
        head = ("the second picture of each pair", "10-fold accuracy", "interval", "change", "interval")
        rows = [
            (
                escape(f"{row.degradation} {row.level}") if row.level else "as it is",
                percent(row.accuracy),
                interval(*row.accuracy_interval),
                points(row.change.value),
                f"{points(row.change.low)} to {points(row.change.high)}",
            )
            for row in target.robustness
        ]
        parts += ["The same pairs with degraded pictures, changes in percentage points:", table(head, rows)]
    return "\n\n".join(parts)


def _rows(target: Target) -> list[_Row]:
    pairs = f"{target.genuine:,} genuine, {target.impostor:,} impostor pairs"
    rows = []
    if target.accuracy is not None:
        spread = "" if target.accuracy_std is None else f" ± {percent(target.accuracy_std)}, the folds' deviation"
        folds = "the" if target.accuracy_pairs is None else f"{target.accuracy_pairs:,}"
        between = "not known" if target.accuracy_interval is None else interval(*target.accuracy_interval)
        rows.append(
            ("10-fold accuracy", f"{percent(target.accuracy)}{spread}", between, f"{folds} pairs of its ten folds")
        )
    rows.append(("equal error rate", percent(target.eer.value), interval(target.eer.low, target.eer.high), pairs))
    rows.append(("area under the ROC curve", f"{target.auc:.4f}", "not measured", pairs))
    rows.append(_row("failure to acquire", target.fta, "photos"))
    for point in target.points:
        rows += _point_rows(point)
    if target.at_threshold is not None:
        rows += _point_rows(target.at_threshold)
    return rows


def _point_rows(point: OperatingPoint) -> list[_Row]:
    if point.fmr_asked is None:
        at = f"at {of_origin(point.source)}, {point.threshold:.3f}"
    else:
        at = f"at threshold {point.threshold:.3f}, chosen for FMR {asked(point.fmr_asked)}"
    rows = [
        _row(f"false match rate {at}", point.fmr, "impostor pairs"),
        _row(f"false non-match rate {at}", point.fnmr, "genuine pairs"),
    ]
    if point.fnmr_with_failures != point.fnmr:
        rows.append(_row("the same with failures to acquire", point.fnmr_with_failures, "genuine pairs"))
    return rows


def _identification(name: str, found: Identification) -> str:
    rows = [_row(f"not among the first {row.rank:,}", row.missed, "searches") for row in found.ranks]
    if found.verification is not None:
        rows += _point_rows(found.verification)
    return "\n\n".join(
        (
            f"### {escape(name)}",
            f"{escape(found.protocol)}: {found.photos:,} photos of {found.people:,} people among {found.distractors:,} "
            "distractors; intervals of 95 % over people.",
            table(_HEAD, rows),
            *(f"{told}." for told in identification_limits(found)),
        )
    )


def _row(name: str, rate: Rate, of: str) -> _Row:
    return name, percent(rate.value), interval(rate.low, rate.high), f"{rate.errors:,} of {rate.count:,} {of}"

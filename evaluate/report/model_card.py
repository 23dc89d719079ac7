"""A model card: what a model file is, what was measured of it and where, and what it is fit for, as Markdown.

The form is that of Mitchell et al., "Model Cards for Model Reporting", FAT* 2019, arXiv:1810.03993. No figure stands
without its source, and what isn't known is said to be not known. The text is in templates/model_card.md.j2.
"""

import json
import os
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ... import __version__
from ...errors import DataError
from ...model_files.metadata import check_threshold
from ...output import printable
from ...runtime import dependencies
from .model_file import ModelFile, describe_file
from .rendering import render_markdown

if TYPE_CHECKING:
    from .evaluation_file import EvaluationRecord


def model_card(model: str | os.PathLike[str], evaluations: Sequence[str | os.PathLike[str]] = ()) -> str:
    """The card of an ONNX file, as Markdown. The file is read and not run.

    evaluations  JSON files of what `sface eval MODEL --json` printed, or of `Evaluation.to_dict()`

    Raises ModelError where the model file can't be read or its threshold is damaged; DataError where an evaluation
    can't be read or is of another file; DependencyError without the `export` and `eval` extras.
    """
    dependencies.require("jinja2", "eval")
    described = describe_file(Path(model))
    read = [(Path(path).name, each) for path in evaluations for each in _of(described, Path(path))]
    return write_card(described, read, __version__)


def write_card(model: ModelFile, evaluations: "Sequence[tuple[str, EvaluationRecord]]", version: str) -> str:
    """The card of a model file, written by sface of this version.

    evaluations  what was measured of this very file, each with the name of the file that it was read in
    Raises ModelError where the file's threshold is damaged.
    """
    if model.metadata is not None:
        check_threshold(model.metadata, model.name)
    return render_markdown(
        "model_card.md.j2", model=model, evaluations=evaluations, version=version, usage=_usage(model)
    )


def _of(model: ModelFile, path: Path) -> "list[EvaluationRecord]":
    """What the file `path` has of this model. Raises DataError where that is nothing."""
    dependencies.require("msgspec", "eval")

    from .evaluation_file import read_evaluations

    evaluations = read_evaluations(path)
    found = [each for each in evaluations if each.model_sha256 == model.sha256]
    if not found:
        others = ", ".join(ascii(each.model_sha256)[1:-1][:12] for each in evaluations[:3])
        raise DataError(
            f"measured on another file (sha256 {others}..., {model.name} has {model.sha256[:12]}...)",
            path=path,
            remedy="run sface eval on this one, after sface calibrate, which changes it",
        )
    return found


class _Usage(NamedTuple):
    """How the file is used, at the command line and in Python."""

    command: str
    python: str


def _usage(model: ModelFile) -> _Usage:
    name = printable(model.name)
    option, argument = ("", "") if model.metadata else (" --preprocess raw", ', preprocess="raw"')
    aligner = model.metadata.aligner if model.metadata else None
    if aligner is not None:
        detector = shlex.quote(printable(aligner.split("+")[0]))
        option += " --aligned" if aligner == "aligned" else f" --detector {detector}"
    file = json.dumps(name, ensure_ascii=False)
    return _Usage(
        f"face-verify a.jpg b.jpg --model {shlex.quote(name)}{option}",
        f'from sface import FaceVerifier\n\nprint(FaceVerifier({file}{argument}).verify("a.jpg", "b.jpg"))',
    )

"""Measure how well networks tell people apart: accuracy and error rates with intervals, as text, JSON or a report."""

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from .. import __version__
from ..align.detectors.detector import load_detector
from ..errors import DataError, SFaceError
from ..infer.threshold import choose_threshold
from ..output import Output
from ..runtime import dependencies
from .embedding_networks import EmbeddingNetwork, open_networks
from .evaluated_model import EvaluatedModel, EvaluatedSet
from .evaluation_request import PHOTO_PROTOCOLS, EvaluationRequest, Protocol
from .figures.accuracy_gain import accuracy_gain
from .figures.figures import Source
from .figures.measure import measure
from .figures.pairs import LIMIT
from .identification.megaface import identify_people
from .protocols.bin_protocol import compare_bins
from .protocols.ijbc import compare_templates
from .protocols.lfw_photos import open_lfw
from .protocols.pair_list import open_list
from .protocols.person_folders import open_folders
from .protocols.photo_pairs import PhotoPairs
from .protocols.photo_protocol import compare_photos
from .protocols.protocol_result import ProtocolResult
from .report.html_report import check_target, write_report
from .report.text_report import model_in_words, set_fields


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """What was measured.

    protocol, data  as requested
    models  in the order of the request; at least one set or identification of one of them was measured
    report  the HTML file that was written; None without one
    error   what went wrong with a set or with the report, beside the rest; None where nothing did
    """

    protocol: Protocol
    data: str
    models: tuple[EvaluatedModel, ...]
    report: Path | None
    error: SFaceError | None

    def to_dict(self) -> dict[str, Any]:
        """For JSON: what `sface eval --json` prints, one object for a model, {"models": [...]} for several."""
        objects = [self._fields(model) for model in self.models]
        fields: dict[str, Any] = objects[0] if len(objects) == 1 else {"models": objects}
        if self.report is not None:
            fields["report"] = str(self.report)
        if self.error is not None:
            fields["error"] = {"code": self.error.code, "message": " ".join(str(self.error).split())}
        return fields

    def text(self) -> str:
        """For people: the figures of each model, without the error."""
        lines = [model_in_words(model, self.models[0].name) for model in self.models]
        return "\n".join(lines if self.report is None else [*lines, f"report: {self.report}"])

    def _fields(self, model: EvaluatedModel) -> dict[str, Any]:
        found = {each.name: each.to_dict() for each in model.identifications}
        return {
            "model": model.path,
            "model_sha256": model.sha256,
            "protocol": self.protocol,
            "data": self.data,
            "detector": model.detector,
            "flip": model.flip,
            "provider": model.provider,
            "metadata": dict(model.metadata),
            "command": model.command,
            "version": model.version,
            "targets": {entry.figures.name: set_fields(entry) for entry in model.sets},
            **({"identification": found} if found else {}),
        }


def evaluate(request: EvaluationRequest, output: Output | None = None) -> Evaluation:
    """Evaluate networks as requested.

    output  shows progress and notes; by default nothing does

    Photos are read by processes that are spawned: a script calls this under `if __name__ == "__main__":`.

    A set that turns out to be damaged, and a report that can't be written at the end, are the result's `error`, beside
    the figures of the other sets. Raises SFaceError (of the class that fits) where nothing could be measured,
    DependencyError without the `eval` extra.
    """
    output = output or Output(quiet=True)
    dependencies.require_extra("eval")
    report = None if request.report is None else Path(request.report)
    if report is not None:
        check_target(report)  # now, not when all is measured
    networks = open_networks(request.models, request.preprocess, request.providers)
    detector, aligner = _found_by(request)
    thresholds = [_threshold(request, network, aligner, output) for network in networks]
    results = _compare(request, networks, output)
    models = _with_gains(
        [
            _measured(request, network, detector, threshold, result)
            for network, threshold, result in zip(networks, thresholds, results, strict=True)
        ]
    )
    errors = [error for result in results for error in result.errors]
    if errors and not any(model.sets for model in models):
        raise errors[0]
    error: SFaceError | None = None
    if report is not None:
        try:
            write_report(report, models)
        except SFaceError as report_error:  # figures that took hours are given all the same
            error, report = report_error, None
        else:
            if any(entry.pictures for model in models for entry in model.sets):
                output.note(f"{report}: shows faces, which are personal data")
    if errors:
        every = errors if error is None else [*errors, error]
        error = DataError("; ".join(dict.fromkeys(map(str, every))))
    return Evaluation(request.protocol, str(Path(request.data)), models, report, error)


def _found_by(request: EvaluationRequest) -> tuple[str, str]:
    """Name and aligner of what finds the faces; "aligned" where none is looked for."""
    if request.aligned or request.protocol not in PHOTO_PROTOCOLS:
        return "aligned", "aligned"
    detector = load_detector(request.detector)
    return detector.name, detector.aligner


def _threshold(
    request: EvaluationRequest, network: EmbeddingNetwork, aligner: str, output: Output
) -> tuple[float, Source] | None:
    """The given one, else the file's, and where it is from; a note where it is for faces got otherwise than these."""
    if request.protocol == "megaface":
        return None
    chosen = choose_threshold(request.threshold, network.metadata, aligner, str(network.path), flip=request.flip)
    if chosen.source == "default":
        return None
    for note in chosen.notes:
        output.note(f"{network.path}: {note}")
    return chosen.value, chosen.source


def _compare(request: EvaluationRequest, networks: list[EmbeddingNetwork], output: Output) -> list[ProtocolResult]:
    """What the protocol gives for each network."""
    embedders = [network.embedder(flip=request.flip) for network in networks]
    root = Path(request.data)
    if request.protocol == "bin":
        return compare_bins(embedders, root, request.target, robustness=request.robustness, output=output)
    if request.protocol == "ijbc":
        return compare_templates(embedders, root, output)
    if request.protocol == "megaface":
        return identify_people(embedders, root, output)
    detector = None if request.detector is None else os.fspath(request.detector)
    pairs = _open_pairs(request, root)
    return compare_photos(embedders, pairs, detector=detector, aligned=request.aligned, output=output)


def _open_pairs(request: EvaluationRequest, root: Path) -> PhotoPairs:
    if request.protocol == "folders":
        return open_folders(root, limit=LIMIT if request.pairs is None else request.pairs)
    file = None if request.pair_list is None else Path(request.pair_list)
    if file is not None and not file.exists() and (root / file).exists():
        file = root / file
    return open_lfw(root, file) if request.protocol == "lfw-photos" else open_list(file or root / "pairs.csv", root)


def _measured(
    request: EvaluationRequest,
    network: EmbeddingNetwork,
    detector: str,
    threshold: tuple[float, Source] | None,
    result: ProtocolResult,
) -> EvaluatedModel:
    """The figures of one network. A set that can't be measured is added to the result's errors."""
    at, source = (None, None) if threshold is None else threshold
    sets = []
    for compared in result.sets:
        try:
            figures = measure(compared.comparisons, threshold=at, source=source)
        except DataError as error:
            result.errors.append(error)
        else:
            sets.append(EvaluatedSet(compared.comparisons, figures, compared.pictures, compared.robustness))
    return EvaluatedModel(
        path=str(network.path),
        sha256=network.sha256,
        provider=network.provider,
        metadata=network.description(),
        detector=detector,
        flip=request.flip,
        command=request.recorded_command(),
        version=__version__,
        sets=tuple(sets),
        identifications=tuple(result.identifications),
    )


def _with_gains(models: list[EvaluatedModel]) -> tuple[EvaluatedModel, ...]:
    """The same, each set with its accuracy gain over the first model's, where they can be compared."""
    first = {entry.figures.name: entry for entry in models[0].sets}

    def with_gain(entry: EvaluatedSet) -> EvaluatedSet:
        over = first.get(entry.figures.name)
        return entry if over is None else replace(entry, accuracy_gain=accuracy_gain(entry, over))

    return (models[0], *(replace(model, sets=tuple(map(with_gain, model.sets))) for model in models[1:]))

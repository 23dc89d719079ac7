"""Measure how well networks tell people apart: accuracy and error rates with intervals, as text, JSON or a report."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import DataError, PreprocessError, SFaceError, UsageError
from ..evaluate.networks_under_test import Network, open_network
from ..evaluate.protocols import compared as eval_sets
from ..output import Output
from . import options

if TYPE_CHECKING:
    from ..evaluate.evaluated import EvaluatedModel
    from ..evaluate.figures.figures import Source
    from ..evaluate.identification.identification_figures import Identification
    from ..evaluate.protocols.compared import Compared

PROTOCOLS = {
    "bin": eval_sets.compare_bins,
    **dict.fromkeys(eval_sets.PHOTOS, eval_sets.compare_photos),
    "ijbc": eval_sets.compare_templates,
    "megaface": eval_sets.identify_people,
}
# Options that some protocols alone have, and those protocols.
_FOR = {
    "target": ("bin",),
    "robustness": ("bin",),
    "list": ("lfw-photos", "pairs"),
    "pairs": ("folders",),
    "detector": eval_sets.PHOTOS,
    "aligned": eval_sets.PHOTOS,
    "threshold": ("bin", *eval_sets.PHOTOS, "ijbc"),
    "report": ("bin", *eval_sets.PHOTOS, "ijbc"),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("models", metavar="MODEL", nargs="+", type=Path, help="an ONNX file, a checkpoint's folder or a run's")
    add("--data", required=True, type=Path, metavar="DIR", help="the folder of the sets, photos or lists")
    add("--protocol", choices=PROTOCOLS, default="bin", help="what the folder holds (docs/eval.md); bin: NAME.bin")
    add(
        "--target",
        type=lambda names: names.split(","),
        metavar="lfw,...",
        help="bin: names of sets; by default those there of the usual five",
    )
    add(
        "--list",
        type=Path,
        metavar="FILE",
        help="lfw-photos, pairs: the list of pairs, by default pairs.txt, pairs.csv",
    )
    add("--pairs", type=int, metavar="N", help="folders: draw so many genuine and so many impostor pairs")
    options.add_detector(parser)
    add("--aligned", action="store_true", help="photos: they are aligned crops")
    add("--no_flip", dest="flip", action="store_false", help="do not add the mirror image's embedding")
    add(
        "--threshold", type=float, metavar="T", help="tell the error rates at this cosine; by default at the file's own"
    )
    add("--robustness", action="store_true", help="bin: the accuracy with blurred, dark, turned ... pictures too")
    add(
        "--report",
        type=Path,
        metavar="HTML",
        help="write a page with figures, curves and the worst errors; it shows faces",
    )
    options.add_preprocess(parser)
    options.add_providers(parser)


def run(args: argparse.Namespace, output: Output) -> int:
    from ..runtime import dependencies

    _check(args)
    dependencies.require("sklearn", "eval")
    if args.report is not None:
        from ..evaluate.report.html_report import check_target

        check_target(args.report)
    networks = _open_networks(args)
    detector = eval_sets.detector_name(args)
    thresholds = [_threshold(args, network, detector, output) for network in networks]
    compared = PROTOCOLS[args.protocol](networks, args, output)
    evaluated = [
        _evaluated(args, network, detector, threshold, of_network)
        for network, threshold, of_network in zip(networks, thresholds, compared, strict=True)
    ]
    errors = [error for of_network in compared for error in of_network.errors]
    if errors and not any(model.sets for model in evaluated):
        raise errors[0]
    report, error = args.report, None
    if report is not None and (error := _write_report(report, evaluated)) is not None:
        report = None
    if errors:
        told = errors if error is None else [*errors, error]
        error = DataError("; ".join(dict.fromkeys(map(str, told))))
    _tell(args, networks, evaluated, [of_network.identifications for of_network in compared], report, error, output)
    return 0 if error is None else error.exit_code


def _check(args: argparse.Namespace) -> None:
    """Raises UsageError for options that don't go together."""
    for option, protocols in _FOR.items():
        given = getattr(args, option)
        if given is not None and given is not False and args.protocol not in protocols:
            raise UsageError(f"--{option}: is for --protocol {' or '.join(protocols)}", remedy="leave it out")
    if args.aligned and args.detector is not None:
        raise UsageError(
            f"--detector {args.detector}: no face is looked for in aligned crops", remedy="leave out one of both"
        )
    if args.pairs is not None and args.pairs < 1:
        raise UsageError(f"--pairs {args.pairs}: must be 1 or more")
    if args.target is not None and not all(args.target):
        raise UsageError(
            f"--target {','.join(args.target)}: must be names with commas between them, such as lfw,cfp_fp"
        )


def _open_networks(args: argparse.Namespace) -> list[Network]:
    providers = options.read_providers(args)
    alone = len(args.models) == 1
    networks = [open_network(path, args.preprocess, providers, alone=alone) for path in args.models]
    first, size = networks[0].metadata.preprocess, networks[0].metadata.input_size
    if args.preprocess not in (None, *(network.metadata.preprocess for network in networks)):
        raise PreprocessError(f"--preprocess {args.preprocess}: all of these take {first} input", remedy="leave it out")
    for network in networks:
        if network.metadata.input_size != size:
            raise UsageError(
                f"takes crops of {network.metadata.input_size} pixels, {networks[0].path} of {size}",
                path=network.path,
                remedy="measure them one by one",
            )
    return networks


def _threshold(
    args: argparse.Namespace, network: Network, detector: str, output: Output
) -> "tuple[float, Source] | None":
    """The given one, else the file's, and where it is from; a note where it is for faces got otherwise than these."""
    from ..infer.threshold import choose_threshold

    if args.protocol == "megaface":
        return None
    chosen = choose_threshold(args.threshold, network.metadata, detector, str(network.path), flip=args.flip)
    if chosen.source == "default":
        return None
    for note in chosen.notes:
        output.note(f"{network.path}: {note}")
    return chosen.value, chosen.source


def _evaluated(
    args: argparse.Namespace,
    network: Network,
    detector: str,
    threshold: "tuple[float, Source] | None",
    compared: "Compared",
) -> "EvaluatedModel":
    from .. import __version__
    from ..evaluate.evaluated import EvaluatedModel, EvaluatedSet
    from ..evaluate.figures.measure import measure

    at, source = (None, None) if threshold is None else threshold

    sets = []
    for seen in compared.sets:
        try:
            figures = measure(seen.comparisons, threshold=at, source=source)
        except DataError as error:
            compared.errors.append(error)
        else:
            sets.append(EvaluatedSet(seen.comparisons, figures, seen.pictures, seen.robustness))
    return EvaluatedModel(
        network.path.name, network.sha256, network.words(), detector, args.flip, args.command, __version__, tuple(sets)
    )


def _write_report(path: Path, evaluated: "list[EvaluatedModel]") -> SFaceError | None:
    """Why it can't be written, if it can't: figures that took hours are told all the same."""
    from ..evaluate.report.html_report import write_report

    try:
        write_report(path, evaluated)
    except SFaceError as error:
        return error
    return None


def _tell(
    args: argparse.Namespace,
    networks: "list[Network]",
    evaluated: "list[EvaluatedModel]",
    identifications: "list[list[Identification]]",
    report: Path | None,
    error: SFaceError | None,
    output: Output,
) -> None:
    from ..evaluate.figures.accuracy_gain import accuracy_gain
    from ..evaluate.report.text_report import identification_in_words, set_fields, set_in_words

    texts, objects = [], []
    first = {entry.figures.name: entry for entry in evaluated[0].sets}
    for network, model, found in zip(networks, evaluated, identifications, strict=True):
        gains = [
            accuracy_gain(entry, first[entry.figures.name])
            if model is not evaluated[0] and entry.figures.name in first
            else None
            for entry in model.sets
        ]
        sets = list(zip(model.sets, gains, strict=True))
        flip = "mirror images added" if args.flip else "without mirror images"
        faces = "" if model.detector == "aligned" else f", faces found by {model.detector}"
        head = f"{network.path}: {network.metadata.network or 'unknown network'}, {flip}{faces}"
        texts.append(
            "\n".join(
                [
                    head,
                    *(set_in_words(*entry, evaluated[0].name) for entry in sets),
                    *map(identification_in_words, found),
                ]
            )
        )
        objects.append(
            {
                "model": str(network.path),
                "model_sha256": model.sha256,
                "protocol": args.protocol,
                "data": str(args.data),
                "detector": model.detector,
                "flip": model.flip,
                "provider": network.provider,
                "metadata": model.metadata,
                "command": model.command,
                "version": model.version,
                "targets": {entry.figures.name: set_fields(entry, gain) for entry, gain in sets},
                **({"identification": {each.name: each.to_dict() for each in found}} if found else {}),
            }
        )
    fields = objects[0] if len(objects) == 1 else {"models": objects}
    if report is not None:
        fields = {**fields, "report": str(report)}
        texts.append(f"report: {report}")
        if any(entry.pictures for model in evaluated for entry in model.sets):
            output.note(f"{report}: shows faces, which are personal data")
    output.result("\n".join(texts), fields, error)

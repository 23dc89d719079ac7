"""Write a model card, Markdown, from what an ONNX file says of itself and what `sface eval --json` has measured."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import DataError, UsageError
from ..output import Output

if TYPE_CHECKING:
    from ..evaluate.report.evaluation_file import Evaluation
    from ..evaluate.report.model_card import ModelFile
    from ..export import Summary


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL", type=Path, help="ONNX file; it is not run")
    parser.add_argument(
        "--evaluation",
        type=Path,
        action="append",
        default=[],
        metavar="JSON",
        help="what sface eval MODEL --json printed; again for more",
    )
    parser.add_argument("-o", "--output", type=Path, metavar="FILE.md", help="the card; by default stdout")


def run(args: argparse.Namespace, output: Output) -> int:
    from .. import __version__, files
    from ..evaluate.report.model_card import write_card
    from ..export import inspect

    if args.output is not None and args.output.suffix.lower() != ".md":
        raise UsageError("a card is Markdown; end its name in .md", path=args.output)
    model = _describe(inspect(args.model))
    evaluations = [(path.name, each) for path in args.evaluation for each in _of(model, path)]
    card = write_card(model, evaluations, __version__)
    if args.output is None:
        output.result(card.removesuffix("\n"), {"card": card})
    else:
        files.write_text(args.output, card)
        output.result(f"{args.output}: the card of {args.model}", {"file": str(args.output)})
    return 0


def _describe(summary: "Summary") -> "ModelFile":
    from ..evaluate.report.model_card import ModelFile
    from ..export.onnx_files.inspection import describe, describe_macs
    from ..infer.zoo.catalogue import FILES
    from ..model_files.known_files import KNOWN_FILES
    from ..model_files.metadata import ModelMetadata, from_props

    metadata = from_props(summary.metadata, summary.file)
    published = metadata is None and summary.sha256 in KNOWN_FILES
    if published:
        known = KNOWN_FILES[summary.sha256]
        metadata = ModelMetadata(known.preprocess, 0, 0, network=known.network, published_threshold=known.threshold)
    zoo_file = next((file for file in FILES.values() if file.sha256 == summary.sha256), None)
    return ModelFile(
        name=Path(summary.file).name,
        sha256=summary.sha256,
        bytes=summary.bytes,
        parameters=summary.parameters,
        macs=describe_macs(summary),
        inputs=[describe(value) for value in summary.inputs],
        outputs=[describe(value) for value in summary.outputs],
        metadata=metadata,
        published=published,
        licence=f"{zoo_file.license}, as its publisher states on {zoo_file.page}" if zoo_file else None,
    )


def _of(model: "ModelFile", path: Path) -> "list[Evaluation]":
    """What the file `path` has of this model. Raises DataError where that is nothing."""
    from ..evaluate.report.evaluation_file import read_evaluations

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

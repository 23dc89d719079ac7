"""Write a model card, Markdown, from what an ONNX file says of itself and what `sface eval --json` has measured."""

import argparse
from pathlib import Path

from .. import files
from ..errors import UsageError
from ..output import Output


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
    from ..evaluate import model_card

    if args.output is not None and args.output.suffix.lower() != ".md":
        raise UsageError("a card is Markdown; end its name in .md", path=args.output)
    card = model_card(args.model, args.evaluation)
    if args.output is None:
        output.result(card.removesuffix("\n"), {"card": card})
    else:
        files.write_text(args.output, card)
        output.result(f"{args.output}: the card of {args.model}", {"file": str(args.output)})
    return 0

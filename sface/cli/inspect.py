"""Say what an ONNX file holds, anybody's: inputs, outputs, metadata, operators, parameters, multiply-accumulates."""

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from ..output import Output, printable, shortened

if TYPE_CHECKING:
    from ..export import Summary


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", type=Path, help="ONNX file; it is not run")


def run(args: argparse.Namespace, output: Output) -> int:
    from ..export import inspect

    summary = inspect(args.file)
    output.result(_in_words(summary), asdict(summary))
    return 0


def _in_words(summary: "Summary") -> str:
    from ..export.onnx_files.inspection import describe, describe_macs

    opset = ", ".join(f"{domain} {version}".removeprefix("ai.onnx ") for domain, version in summary.opset.items())
    operators = ", ".join(f"{name} {count:,}" for name, count in summary.operators.items())
    lines = [
        ("file", f"{summary.file}, {summary.bytes:,} bytes"),
        ("sha256", summary.sha256),
        ("format", f"IR {summary.ir_version}, opset {opset or 'unknown'}, producer {summary.producer or 'unknown'}"),
        *(("input", describe(value)) for value in summary.inputs),
        *(("output", describe(value)) for value in summary.outputs),
        ("nodes", f"{summary.nodes:,}: {operators}"),
        ("parameters", f"{summary.parameters:,}"),
        ("MACs", describe_macs(summary)),
    ]
    if summary.external_files:
        lines.append(("weights", f"also in other files, which were not read: {', '.join(summary.external_files)}"))
    lines += [("metadata", f"{key} = {shortened(value)}") for key, value in summary.metadata.items()]
    return "\n".join(f"{label:<11} {printable(text)}" for label, text in lines)

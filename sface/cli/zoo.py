"""Published files of others: list them, or get one. This is all of sface that touches the network."""

import argparse

from .. import files
from ..output import Output
from . import options


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`sface zoo list`, `sface zoo get NAME`."""
    actions = parser.add_subparsers(title="actions", metavar="list|get", dest="action", required=True)
    listing = actions.add_parser("list", help="what there is: size, licence, sources, and whether it is here")
    getting = actions.add_parser("get", help="download a file, check its sha256, mend it where that is needed")
    getting.add_argument("name", metavar="NAME", help="sface (recognition), yunet (detection), or a name of the list")
    for action in (listing, getting):
        options.add_output_flags(action)


def run(args: argparse.Namespace, output: Output) -> int:
    """List, or get."""
    if args.action == "list":
        _list(output)
        return 0
    from ..infer import zoo

    got = zoo.get(args.name, output=output)
    done = "was here already" if got.source is None else f"from {got.source}, sha256 as published"
    mended = ", mended for onnxruntime" if got.source and got.file.repaired_as else ""
    output.result(
        f"{got.path}: {got.file.name}, {done}{mended} ({got.file.describe()}, {got.file.page})",
        {
            "name": got.file.name,
            "file": str(got.path),
            "sha256": files.sha256(got.path),
            "published_sha256": got.file.sha256,
            "published_bytes": got.file.size,
            "license": got.file.license,
            "page": got.file.page,
            "source": got.source,
            "mended": got.file.repaired_as is not None,
        },
    )
    return 0


def _list(output: Output) -> None:
    from ..infer import zoo
    from ..infer.zoo.catalogue import CHOICES

    rows = [(file, zoo.state(file)) for file in zoo.files()]
    lines = [f"{'name':18} {'kind':12} {'size':>8}  {'licence':11} {'here':12} from"]
    for file, state in rows:
        here = {"there": "yes", "not there": "no"}.get(state, state)
        lines.append(
            f"{file.name:18} {file.kind:12} {file.size / 1e6:5.1f} MB  {file.license:11} {here:12} "
            f"{', '.join(file.sources())}"
        )
    for name, files_of_it in CHOICES.items():
        lines.append(f"sface zoo get {name:6} takes {', else '.join(files_of_it)}")
    lines.append(f"kept in {zoo.folder()}")
    output.result(
        "\n".join(lines),
        {
            "folder": str(zoo.folder()),
            "files": [
                {
                    "name": file.name,
                    "file": file.kept_as,
                    "kind": file.kind,
                    "bytes": file.size,
                    "sha256": file.sha256,
                    "license": file.license,
                    "author": file.author,
                    "page": file.page,
                    "sources": list(file.sources()),
                    "state": state,
                }
                for file, state in rows
            ],
            "choices": {name: list(answers) for name, answers in CHOICES.items()},
        },
    )

"""Published files of others: list them, or get one. This is all of sface that touches the network."""

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from .. import files
from ..errors import DownloadError, ModelError, UsageError
from ..output import Output
from ..runtime import dependencies
from . import options

if TYPE_CHECKING:
    from ..infer.zoo.catalogue import ZooFile


@dataclass(frozen=True, slots=True)
class Got:
    """A file that is there now: where, and which source gave it; None: it was there already."""

    file: "ZooFile"
    path: Path
    source: str | None


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
    got = get(args.name, output)
    done = "was here already" if got.source is None else f"from {got.source}, sha256 as published"
    mended = ", mended for onnxruntime" if got.source and got.file.mended_as else ""
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
            "mended": got.file.mended_as is not None,
        },
    )
    return 0


def get(name: str, output: Output) -> Got:
    """Bring the file called `name`, or the first of those that answer to it, into the folder of models.

    Raises UsageError for an unknown name, DownloadError where no source gives it, DependencyError where it has to be
    mended and a package for that is missing, StorageError.
    """
    from ..infer.zoo import catalogue as zoo

    names = zoo.CHOICES.get(name, (name,))
    if names[0] not in zoo.FILES:
        raise UsageError(f"there is no {name!r} in the zoo; known: {', '.join((*zoo.CHOICES, *zoo.FILES))}")
    for file in (zoo.FILES[each] for each in names):
        if zoo.state(file) == "there":
            return Got(file, zoo.models() / file.kept_as, None)
    zoo.check_online()
    unreachable: set[str] = set()
    reasons = []
    for file in (zoo.FILES[each] for each in names):
        if zoo.state(file) == "other bytes":
            output.note(f"{zoo.models() / file.kept_as}: is not what was published; it will be replaced")
        try:
            return _get(file, output, unreachable)
        except DownloadError as error:
            reasons.append(str(error))
    raise DownloadError(f"{'; '.join(reasons)}; the same command goes on from what has come")


def _get(file: "ZooFile", output: Output, unreachable: set[str]) -> Got:
    from ..infer.zoo import catalogue as zoo

    path = zoo.models() / file.kept_as
    if file.mended_as is None:
        return Got(file, path, zoo.fetch(file, path.parent, note=output.note, unreachable=unreachable))
    for package in ("onnx", "onnx_ir", "onnxscript"):  # before anything is downloaded for nothing
        dependencies.require(package, "export")
    dependencies.onnxruntime()
    # In the folder of models the detector's file would be taken for one that runs.
    folder = files.home() / "downloads"
    source = zoo.fetch(file, folder, note=output.note, unreachable=unreachable)
    with files.alone_in(folder):
        if zoo.state(file) == "there":  # another process was faster
            return Got(file, path, None)
        output.note(f"mending {file.file}: its quantised weights are folded to float32")
        _mend(file, folder / file.file, path)
        zoo.record_mended(path)
        (folder / file.file).unlink()
    return Got(file, path, source)


def _mend(file: "ZooFile", source: Path, path: Path) -> None:
    from ..export import optimize, repair_detector

    if file.kind == "detection":
        repair_detector(source, path)
    else:
        optimize(source, path)


def offer_default(output: Output) -> Path:
    """The recognition network to use where none was named. Where none is here and a person looks on, it is offered,
    once.

    Raises ModelError, with the command that brings one, where there is none then; what `get` raises.
    """
    from ..infer.zoo import catalogue as zoo

    try:
        return zoo.default_model()
    except ModelError:
        is_watched = sys.stdin.isatty() and sys.stderr.isatty() and not output.as_json and not output.quiet
        if not is_watched or zoo.is_offline():
            raise
        first, *_, last = (zoo.FILES[name] for name in zoo.CHOICES["sface"])
        output.note(
            f"There is no model here yet. OpenCV's SFace network ({first.describe()}) can be had from "
            f"{', '.join(first.sources())}, else from the {last.sources()[-1]}. Get it now? [y/N]"
        )
        if sys.stdin.readline().strip().lower() not in ("y", "yes"):
            raise
        return get("sface", output).path


def _list(output: Output) -> None:
    from ..infer.zoo import catalogue as zoo

    rows = [(file, zoo.state(file)) for file in zoo.FILES.values()]
    lines = [f"{'name':18} {'kind':12} {'size':>8}  {'licence':11} {'here':12} from"]
    for file, state in rows:
        here = {"there": "yes", "not there": "no"}.get(state, state)
        lines.append(
            f"{file.name:18} {file.kind:12} {file.size / 1e6:5.1f} MB  {file.license:11} {here:12} "
            f"{', '.join(file.sources())}"
        )
    for name, files_of_it in zoo.CHOICES.items():
        lines.append(f"sface zoo get {name:6} takes {', else '.join(files_of_it)}")
    lines.append(f"kept in {zoo.models()}")
    output.result(
        "\n".join(lines),
        {
            "folder": str(zoo.models()),
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
            "choices": {name: list(answers) for name, answers in zoo.CHOICES.items()},
        },
    )

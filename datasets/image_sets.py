"""Training sets as people have them: a list `imgs.txt`, InsightFace's `train.rec`, or a folder per person; or, where
nobody has to be told from others, a folder of crops.

`property` holds one line `classes,height,width`; a folder per person can do without. Each line of `imgs.txt` is the
path of a crop, white space, and its label. All kinds of set give the same `ImageSet`.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..align.image_file import PICTURE_SUFFIXES
from ..errors import DataError, ImageError
from .encoded import decode
from .records import RecordFile

Image = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.int32]

LIST = "imgs.txt"
RECORDS = "train.rec"
INDEX = "train.idx"
PROPERTY = "property"
FOLDERS = "folders"
CROPS = "crops"


class ImageSet:
    """Face crops of one size. It can be pickled, and is then read by another process.

    root: the set's folder; name: the folder's name; kind: "imgs.txt", "train.rec", "folders" or "crops".
    num_classes: number of people, 0 where it isn't known. size: height and width of every crop in pixels.
    labels: int32 (N,), 0 .. num_classes - 1; -1 for those in `unreadable`, and where nobody is known.
    unreadable: what was found damaged when the set was opened, index to message; the pictures are not opened for that.
    """

    kind: str
    _size_is_said_by = f"{PROPERTY} says"

    def __init__(self, root: Path, num_classes: int, size: int) -> None:
        self.root = root
        self.name = root.resolve().name
        self.num_classes, self.size = num_classes, size
        self.labels: Labels = np.empty(0, dtype=np.int32)
        self.unreadable: dict[int, str] = {}

    def __len__(self) -> int:
        return len(self.labels)

    def image(self, index: int) -> Image:
        """Crop `index`, uint8 (size, size, 3) RGB, the caller's own. Raises ImageError that names file or record."""
        where = self.where(index)
        image = decode(where, self.encoded(index))
        if image.shape[:2] != (self.size, self.size):
            height, width = image.shape[:2]
            said = f"{self._size_is_said_by} {self.size}x{self.size}"
            raise ImageError(f"{height}x{width} pixels, but {said}", path=where)
        return image

    def where(self, index: int) -> str:
        """File or record of crop `index`, for messages."""
        raise NotImplementedError

    def encoded(self, index: int) -> bytes:
        """Bytes of the image file of crop `index`. Raises ImageError that names file or record."""
        raise NotImplementedError

    def _checked_label(self, label: float, where: str) -> int:
        if not 0 <= label < self.num_classes or label != int(label):
            raise DataError(
                f"label {label:g}, but {self.root / PROPERTY} says {self.num_classes} classes, so labels from 0 "
                f"to {self.num_classes - 1}",
                path=where,
                remedy="correct one of them",
            )
        return int(label)


class _ListedImages(ImageSet):
    """A set whose crops are image files, listed in `imgs.txt`."""

    kind = LIST

    def __init__(self, root: Path) -> None:
        super().__init__(root, *_read_property(root / PROPERTY))
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
            raise DataError("lists no image; each line is a path, white space and a label", path=root / LIST)
        self.labels = np.array(labels, dtype=np.int32)

    def _inside(self, path: str, where: str) -> str:
        """The path without "..", which must be inside the folder. Links in the folder may lead elsewhere."""
        full = os.path.normpath(os.path.join(self._folder, path))  # noqa: PTH118
        if not full.startswith(os.path.join(self._folder, "")):  # noqa: PTH118
            raise DataError(f"{path} is outside {self.root}", path=where, remedy="list only files inside the folder")
        return full

    def where(self, index: int) -> str:
        return self._paths[index]

    def encoded(self, index: int) -> bytes:
        return _read_picture(self._paths[index])


class _RecordedImages(ImageSet):
    """A set in InsightFace's layout: `train.rec` and `train.idx`, read in place.

    Opening it reads the header of each record for the labels; damaged headers go to `unreadable`.
    """

    kind = RECORDS

    def __init__(self, root: Path) -> None:
        super().__init__(root, *_read_property(root / PROPERTY))
        self._records = RecordFile(root / RECORDS, root / INDEX)
        self.labels = np.full(len(self._records), -1, dtype=np.int32)
        for index in range(len(self._records)):
            try:
                label = self._records.label(index)
            except ImageError as error:
                self.unreadable[index] = str(error)
            else:
                self.labels[index] = self._checked_label(label, self._records.where(index))

    def where(self, index: int) -> str:
        return self._records.where(index)

    def encoded(self, index: int) -> bytes:
        return self._records.read(index)[1]


class _PeoplesFolders(ImageSet):
    """A set with a folder per person; the people are numbered in the order of their folders' names.

    A folder without a picture is no person. Hidden files and folders, files that are no pictures by their names, and
    files beside the people's folders are left out.
    """

    kind = FOLDERS

    def __init__(self, root: Path) -> None:
        people = people_in(root)
        if not people:
            raise DataError(
                f"holds neither {LIST} nor {RECORDS} nor a folder per person", path=root, remedy=_what_to_do(root)
            )
        self._folder = os.path.abspath(root)  # noqa: PTH100 (as above)
        self._people = list(people)
        self._names = [name for names in people.values() for name in names]
        super().__init__(root, len(people), 0)
        self.labels = np.repeat(np.arange(len(people), dtype=np.int32), [len(names) for names in people.values()])
        where, self.size = _first_size(self)
        if not (root / PROPERTY).is_file():
            self._size_is_said_by = "the set's first has"
        elif (said := _read_property(root / PROPERTY)) != (self.num_classes, self.size):
            raise DataError(
                f"says {said[0]} classes of {said[1]}x{said[1]} pixels, but {self.num_classes} folders hold "
                f"pictures, and {where} has {self.size}x{self.size}",
                path=root / PROPERTY,
                remedy=f"correct {PROPERTY} or take it away",
            )

    def where(self, index: int) -> str:
        return os.path.join(self._folder, self._people[self.labels[index]], self._names[index])  # noqa: PTH118 (speed)

    def encoded(self, index: int) -> bytes:
        return _read_picture(self.where(index))


class _Crops(ImageSet):
    """All pictures in a folder and its folders, in the order of their paths; hidden ones are left out."""

    kind = CROPS
    _size_is_said_by = "the set's first has"

    def __init__(self, root: Path) -> None:
        super().__init__(root, 0, 0)
        self._folder = os.path.abspath(root)  # noqa: PTH100 (as above)
        self._paths = sorted(_pictures_below(self._folder))
        if not self._paths:
            raise DataError(
                f"holds no picture ({', '.join(PICTURE_SUFFIXES)})", path=root, remedy="name a folder of face crops"
            )
        self.labels = np.full(len(self._paths), -1, dtype=np.int32)
        _, self.size = _first_size(self)

    def where(self, index: int) -> str:
        return self._paths[index]

    def encoded(self, index: int) -> bytes:
        return _read_picture(self._paths[index])


def open_image_set(root: Path, *, labelled: bool = True) -> ImageSet:
    """Open the training set in the folder `root`: `imgs.txt` or `train.rec` beside `property`, or a folder per person;
    or, not `labelled`, all pictures in it and below, where there is neither of the first two.

    Pictures are opened later, one by one. Raises DataError where the folder, its list, its index or a label is wrong.
    """
    if not root.is_dir():
        raise DataError(
            "is not a folder" if root.exists() else "no such folder", path=root, remedy="name a training set's"
        )
    kinds = [name for name in (LIST, RECORDS) if (root / name).is_file()]
    if len(kinds) == 2:
        raise DataError(f"holds both {LIST} and {RECORDS}", path=root, remedy="move one of them elsewhere")
    if kinds:
        return _ListedImages(root) if kinds == [LIST] else _RecordedImages(root)
    return _PeoplesFolders(root) if labelled else _Crops(root)


def people_in(root: Path, endings: tuple[str, ...] = PICTURE_SUFFIXES) -> dict[str, list[str]]:
    """Names of the pictures in each person's folder, folders and pictures sorted by name; only people who have some.

    endings: those of pictures' names, in small letters. Raises DataError where a folder can't be read, or a person's
    holds a folder or is a set itself.
    """
    people = {}
    for folder in _visible(root):
        if not folder.is_dir():
            continue
        inside = _visible(folder)
        names = {entry.name for entry in inside}
        if names & {PROPERTY, LIST, RECORDS}:
            raise DataError("holds a set in a folder of its own", path=root, remedy=f"did you mean {folder.path}?")
        inner = next((entry for entry in inside if entry.is_dir()), None)
        if inner is not None:
            raise DataError(
                "a folder in a person's folder; a set has one folder per person with all pictures in it, so mend "
                f"that, or did you mean {folder.path}?",
                path=inner.path,
            )
        if pictures := [entry.name for entry in inside if entry.name.lower().endswith(endings)]:
            people[folder.name] = pictures
    return people


def _first_size(image_set: ImageSet) -> tuple[str, int]:
    """The first crop that can be read, and its edge in pixels."""
    for index in range(len(image_set)):
        where = image_set.where(index)
        try:
            height, width = decode(where, image_set.encoded(index)).shape[:2]
        except ImageError:
            continue
        if height != width:
            raise DataError(f"{height}x{width} pixels; crops are square: cut the faces out first", path=where)
        return where, height
    raise DataError(
        f"none of its {len(image_set)} pictures can be read", path=image_set.root, remedy="get the set again"
    )


def _pictures_below(root: str) -> Iterator[str]:
    """Paths of the pictures in a folder and its folders; links to folders, which may lead in circles, are left out."""

    def refuse(error: OSError) -> None:
        raise DataError(f"can't be read ({error.strerror})", path=error.filename) from error

    for folder, folders, names in os.walk(root, onerror=refuse):
        folders[:] = [name for name in folders if name[0] != "."]
        for name in names:
            if name[0] != "." and name.lower().endswith(PICTURE_SUFFIXES):
                yield os.path.join(folder, name)  # noqa: PTH118 (speed)


def _what_to_do(root: Path) -> str:
    """Where nothing was found in a folder."""
    if any(entry.name.lower().endswith(PICTURE_SUFFIXES) for entry in _visible(root)):
        return "put each person's pictures into a folder"
    return "name the folder that holds the set itself"


def _visible(folder: os.PathLike[str]) -> list[os.DirEntry[str]]:
    """What is in a folder and not hidden, sorted by name."""
    try:
        # Not Path.iterdir: this knows folders from files without asking the disk about each of millions.
        with os.scandir(folder) as entries:
            return sorted((entry for entry in entries if entry.name[0] != "."), key=lambda entry: entry.name)
    except OSError as error:
        raise DataError(f"can't be read ({error.strerror})", path=os.fspath(folder)) from error


def _read_picture(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the name
        raise ImageError(f"can't be read ({getattr(error, 'strerror', None) or error})", path=path) from error


def _read_property(path: Path) -> tuple[int, int]:
    """Number of classes and edge of the crops in pixels."""
    if not path.is_file():
        raise DataError("missing", path=path, remedy="write the line CLASSES,HEIGHT,WIDTH into it, such as 293,112,112")
    text = _read_text(path).strip()
    try:
        classes, height, width = (int(field) for field in text.split(","))
    except ValueError:
        raise DataError(f"holds {text[:40]!r}, not CLASSES,HEIGHT,WIDTH such as 293,112,112", path=path) from None
    if classes < 1 or height < 1 or height != width:
        raise DataError(
            f"holds {text[:40]!r}", path=path, remedy="needed are a class or more and square crops, as in 293,112,112"
        )
    return classes, height


def _read_text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise DataError(f"can't be read ({error.strerror})", path=path) from error
    except UnicodeDecodeError as error:
        raise DataError(
            f"not UTF-8 text (byte {error.start})", path=path, remedy="convert it, for example with iconv"
        ) from error


def _split_line(line: str, where: str) -> tuple[str, int]:
    try:
        path, label = line.rsplit(None, 1)
        return path, int(label)
    except ValueError:
        raise DataError(f"{line.strip()[:80]!r} is not a path, white space and a whole number", path=where) from None

"""Training sets as people have them: a list `imgs.txt`, InsightFace's `train.rec`, or a folder per person; or, where
labels aren't needed, a folder of crops.

`property` holds one line `classes,height,width`; a folder per person can do without. Each line of `imgs.txt` is the
path of a crop, white space, and its label. All kinds of set give the same `ImageSet`.
"""

import os
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..errors import DataError, ImageError
from .encoded import decode
from .set_files import LIST, PROPERTY, RECORDS

Image = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.int32]

UNREADABLE_SHARE = 0.01  # a set of which more than this can't be read is refused


class ImageSet:
    """Face crops of one size. It can be pickled, and is then read by another process.

    root: the set's folder; name: the folder's name; kind: "imgs.txt", "train.rec", "folders" or "crops".
    num_classes: number of people, 0 where it isn't known. size: height and width of every crop in pixels.
    labels: int32 (N,), 0 .. num_classes - 1; -1 for those in `unreadable`, and where people aren't known.
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

    def image(self, index: int, out: Image | None = None) -> Image:
        """Crop `index`, uint8 (size, size, 3) RGB, the caller's own. Raises ImageError that names file or record.

        out: where to write it, of this shape and type and C-contiguous; it is what comes back then.
        """
        try:
            image = decode("", self.encoded(index), out)
        except ImageError as error:
            error.path = error.path or self.where(index)  # made where it is needed: it takes time for each crop
            raise
        if image is out:
            return image
        if image.shape[:2] != (self.size, self.size):
            height, width = image.shape[:2]
            said = f"{self._size_is_said_by} {self.size}x{self.size}"
            raise ImageError(f"{height}x{width} pixels, but {said}", path=self.where(index))
        if out is None:
            return image
        out[:] = image
        return out

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


def open_image_set(root: str | os.PathLike[str], *, labelled: bool = True) -> ImageSet:
    """Open the training set in the folder `root`: `imgs.txt` or `train.rec` beside `property`, or a folder per person.

    labelled: False: where there is neither `imgs.txt` nor `train.rec`, the set is all pictures in the folder and below.

    Pictures are opened later, one by one. Raises DataError where the folder, its list, its index or a label is wrong.
    """
    # Here, since the kinds of set build on `ImageSet`.
    from .image_folders import CropFolder, PersonFolders
    from .image_list import ListedImages
    from .image_records import RecordedImages

    root = Path(root)
    if not root.is_dir():
        raise DataError(
            "is not a folder" if root.exists() else "no such folder", path=root, remedy="name a training set's"
        )
    kinds = [name for name in (LIST, RECORDS) if (root / name).is_file()]
    if len(kinds) == 2:
        raise DataError(f"holds both {LIST} and {RECORDS}", path=root, remedy="move one of them elsewhere")
    if kinds:
        return ListedImages(root) if kinds == [LIST] else RecordedImages(root)
    return PersonFolders(root) if labelled else CropFolder(root)

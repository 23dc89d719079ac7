"""Training sets in InsightFace's layout: `train.rec` with its index and `property`."""

from pathlib import Path

import numpy as np

from ..errors import ImageError
from .image_sets import ImageSet
from .records import RecordFile
from .set_files import INDEX, RECORDS, read_property


class RecordedImages(ImageSet):
    """A set in InsightFace's layout: `train.rec` and `train.idx`, read in place.

    Opening it reads the header of each record for the labels; damaged headers go to `unreadable`.
    """

    kind = RECORDS

    def __init__(self, root: Path) -> None:
        super().__init__(root, *read_property(root))
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

"""What was measured of one model: what report, card and JSON are made of."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .figures.comparisons import Comparisons
from .figures.figures import Estimate, Figures, RobustnessRow
from .identification.identification_figures import IdentificationFigures
from .protocols.protocol_result import Pictures


@dataclass(frozen=True, slots=True, eq=False)
class EvaluatedSet:
    """A set and its figures; `pictures` and `robustness` as of `ComparedSet`.

    accuracy_gain  over the first of several models, on the same pairs
    """

    comparisons: Comparisons
    figures: Figures
    pictures: Pictures | None
    robustness: tuple[RobustnessRow, ...] = ()
    accuracy_gain: Estimate | None = None


@dataclass(frozen=True, slots=True, eq=False)
class EvaluatedModel:
    """A model, the sets that it was measured on, and its identifications.

    path      of the file, or of the checkpoint's folder
    sha256    of the file's bytes, or of the checkpoint's weights
    provider  what ran it: "CPUExecutionProvider", ..., "Jittor"
    metadata  what the file says of itself, field by field (metadata.ModelMetadata)
    detector  what found the faces of photos ("mtcnn", "yunet"); "aligned" for sets of crops
    flip      whether the mirror image's embedding was added
    command   the command line, or the Python call, that measured it
    version   of sface
    """

    path: str
    sha256: str
    provider: str
    metadata: Mapping[str, str]
    detector: str
    flip: bool
    command: str
    version: str
    sets: tuple[EvaluatedSet, ...]
    identifications: tuple[IdentificationFigures, ...] = ()

    @property
    def name(self) -> str:
        """The file's, or that of the checkpoint's folder."""
        return Path(self.path).name

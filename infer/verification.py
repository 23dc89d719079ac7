"""The decision on two photos, and all that it rests on."""

from dataclasses import dataclass, fields
from typing import Any, Literal

from ..align.photo_faces import FaceInfo

# Where a threshold comes from.
ThresholdSource = Literal["file", "given", "published", "default"]
_UNMEASURED = {
    "given": "threshold given",
    "published": "threshold of the network's publisher",
    "default": "uncalibrated",
}


@dataclass(frozen=True, slots=True, repr=False)
class Verification:
    """The decision on two photos and all that it rests on.

    same              similarity >= threshold
    similarity        a cosine in [-1, 1]
    threshold         a cosine
    threshold_source  "file": measured, and written into the model file; "given" by the caller; "published" by those who
                      trained the network; "default": none of these
    fmr               the false match rate measured at the threshold, a share; None unless it is the file's
    fmr_interval      of 95 % over people; None unless the file has it
    threshold_set     the set that it was measured on; None unless it is the file's
    faces             the two faces, in the order of the photos
    model             path of the model file, model_sha256: of its bytes
    detector          the detector that found the faces ("mtcnn", "yunet"; "aligned": the photos were crops)
    provider          what of onnxruntime ran the network ("CPUExecutionProvider", "CUDAExecutionProvider")
    timings           milliseconds for both photos together: read, detect, align, embed
    notes             lines that a person may want to know: several faces in a photo, another detector than measured
    """

    same: bool
    similarity: float
    threshold: float
    threshold_source: ThresholdSource
    fmr: float | None
    fmr_interval: tuple[float, float] | None
    threshold_set: str | None
    faces: tuple[FaceInfo, FaceInfo]
    model: str
    model_sha256: str
    detector: str
    provider: str
    timings: dict[str, float]
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """All fields by name, ready for JSON."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {**values, "faces": [face.to_dict() for face in self.faces], "timings": dict(self.timings)}

    def __str__(self) -> str:
        similarity, threshold = in_digits_that_differ(self.similarity, self.threshold)
        decision = f"SAME {similarity} >= {threshold}" if self.same else f"DIFFERENT {similarity} < {threshold}"
        if self.fmr is not None:
            return f"{decision} (cosine; threshold for FMR {100 * self.fmr:.3g} % measured on {self.threshold_set})"
        return f"{decision} (cosine; {_UNMEASURED[self.threshold_source]})"

    def __repr__(self) -> str:
        return f"<Verification: {self}>"


def in_digits_that_differ(similarity: float, threshold: float) -> tuple[str, str]:
    """Both numbers with two digits after the point, or as many as it takes to see that they differ."""
    texts = [(f"{similarity:.{digits}f}", f"{threshold:.{digits}f}") for digits in range(2, 17)]
    return next((both for both in texts if both[0] != both[1]), texts[0])

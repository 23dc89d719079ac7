"""What is to be evaluated, checked. Imports nothing heavy: the command line names its protocols."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal, get_args

from ..errors import UsageError
from ..model_files.metadata import PREPROCESS, Preprocess
from ..model_files.onnx_session import Providers

Protocol = Literal["bin", "lfw-photos", "folders", "pairs", "ijbc", "megaface"]
PROTOCOLS: tuple[Protocol, ...] = get_args(Protocol)
PHOTO_PROTOCOLS: tuple[Protocol, ...] = ("lfw-photos", "folders", "pairs")

# Arguments that only some protocols have, and those protocols.
_ONLY_FOR: dict[str, tuple[Protocol, ...]] = {
    "target": ("bin",),
    "robustness": ("bin",),
    "pair_list": ("lfw-photos", "pairs"),
    "pairs": ("folders",),
    "detector": PHOTO_PROTOCOLS,
    "aligned": PHOTO_PROTOCOLS,
    "threshold": ("bin", *PHOTO_PROTOCOLS, "ijbc"),
    "report": ("bin", *PHOTO_PROTOCOLS, "ijbc"),
}


@dataclass(frozen=True, slots=True)
class EvaluationRequest:
    """Which networks to evaluate, on what, and how.

    models      paths of ONNX files, checkpoints' folders and runs' folders; one or more
    data        the folder of the sets, photos or lists
    protocol    what the folder holds:
                "bin"         verification sets in one file each, NAME.bin
                "lfw-photos"  photos NAME/NAME_0001.jpg and a list of pairs, as Labeled Faces in the Wild
                "folders"     a folder of photos per person
                "pairs"       photos and a list of pairs, a CSV file
                "ijbc", "megaface"  the sets and their lists
    target      bin: names of sets; None: of lfw, calfw, cplfw, cfp_fp and agedb_30 those in the folder
    robustness  bin: also measure the accuracy with degraded pictures
    pair_list   lfw-photos, pairs: the list, in the working folder or in `data`; None: pairs.txt or pairs.csv in `data`
    pairs       folders: how many genuine and how many impostor pairs to sample; None: all, at most 3 million of a kind
    detector    photos: "mtcnn", "yunet" or a YuNet file; None: YuNet if its file is known, else MTCNN
    aligned     photos: they are aligned crops
    flip        add the embedding of each face's mirror image
    threshold   a cosine whose error rates are measured; None: the model file's own, if it has one
    report      an HTML file to write; it shows faces
    preprocess  the input of model files that don't say it: "raw", RGB 0..255, or "centered", -1..1
    providers   what runs ONNX files: "auto", or a list of onnxruntime's names ("cpu", "cuda")
    command     the command that the record names; None: this call as Python writes it

    Raises UsageError, with the name of the argument, for a wrong value and for arguments that don't go together.
    """

    models: Sequence[str | os.PathLike[str]]
    data: str | os.PathLike[str]
    protocol: Protocol = "bin"
    target: Sequence[str] | None = None
    robustness: bool = False
    pair_list: str | os.PathLike[str] | None = None
    pairs: int | None = None
    detector: str | os.PathLike[str] | None = None
    aligned: bool = False
    flip: bool = True
    threshold: float | None = None
    report: str | os.PathLike[str] | None = None
    preprocess: Preprocess | None = None
    providers: Providers = "auto"
    command: str | None = None

    def __post_init__(self) -> None:
        if isinstance(self.models, (str, os.PathLike)) or not self.models:
            raise UsageError("models: must be a list of one path or more", argument="models")
        if self.protocol not in PROTOCOLS:
            raise UsageError(f"protocol {self.protocol}: must be {_either(PROTOCOLS)}", argument="protocol")
        for argument, protocols in _ONLY_FOR.items():
            given = getattr(self, argument)
            if given is not None and given is not False and self.protocol not in protocols:
                raise UsageError(
                    f"{argument}: is for protocol {_either(protocols)}", remedy="leave it out", argument=argument
                )
        if self.aligned and self.detector is not None:
            raise UsageError(
                f"detector {os.fspath(self.detector)}: no face is looked for in aligned crops",
                remedy="leave out one of both",
                argument="detector",
            )
        if self.pairs is not None and self.pairs < 1:
            raise UsageError(f"pairs {self.pairs}: must be 1 or more", argument="pairs")
        if isinstance(self.target, str):
            raise UsageError(f"target {self.target}: must be a list of names", argument="target")
        if self.target is not None and not all(self.target):
            raise UsageError(
                f"target {','.join(self.target)}: must be names of sets, such as lfw,cfp_fp", argument="target"
            )
        if self.threshold is not None and not -1 <= self.threshold <= 1:  # nor NaN
            raise UsageError(f"threshold {self.threshold:g}: must be a cosine, from -1 to 1", argument="threshold")
        if self.preprocess not in (None, *PREPROCESS):
            raise UsageError(f"preprocess {self.preprocess}: must be {_either(PREPROCESS)}", argument="preprocess")

    def recorded_command(self) -> str:
        """`command`, or the Python call with the arguments that are not the defaults."""
        if self.command is not None:
            return self.command
        given = [
            f"{field.name}={_plain(getattr(self, field.name))!r}"
            for field in fields(self)
            if getattr(self, field.name) != field.default
        ]
        return f"evaluate(EvaluationRequest({', '.join(given)}))"


def _plain(value: Any) -> Any:
    """Paths as text."""
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    return [_plain(each) for each in value] if isinstance(value, (list, tuple)) else value


def _either(names: Sequence[str]) -> str:
    return " or ".join(names)

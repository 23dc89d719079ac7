"""A training run as frozen values, checked when they are made. No Jittor here.

The fields of TrainConfig, of the configurations in it and of Resources are the options of `sface train`, whose parser
is made from them: the text beside a field documents it here and is the command's help.
"""

import math
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from ..config_option import Option, option, value_text
from ..errors import UsageError
from ..evaluate.protocols.usual_sets import TARGETS
from ..model_files.metadata import Preprocess
from ..models.network_config import NetworkConfig
from ..validation import from_fields

CONFIG = "config.json"  # in a run's folder
HEADS = ("SFace", "ArcFace", "CosFace", "Softmax")
MARGINS = {"ArcFace": 0.5, "CosFace": 0.35}  # those of their papers
SCHEDULES = ("stages", "cosine", "polynomial")


@dataclass(frozen=True, slots=True)
class DataMode:
    """A training set of the published code: where it lies unless `data_root` says otherwise, and the paper's angles."""

    root: str
    a: float
    b: float


# The folders have the data zoo's names. The paper gives angles for CASIA-WebFace, VGGFace2 and MS1MV2; the two others
# are versions of the last.
DATA_MODES = {
    "casia": DataMode("data/faces_webface_112x112", 0.87, 1.20),
    "vgg": DataMode("data/faces_vgg_112x112", 0.88, 1.25),
    "ms1m": DataMode("data/faces_emore", 0.90, 1.20),
    "retina": DataMode("data/ms1m-retinaface-t1", 0.90, 1.20),
    "ms1mr": DataMode("data/faces_ms1m-refine-v2_112x112", 0.90, 1.20),
}
DEFAULT_MODE = "casia"
_CASIA = DATA_MODES[DEFAULT_MODE]


@dataclass(frozen=True, slots=True)
class HeadConfig:
    """A head and its parameters (train/heads/). A head ignores those that its formula lacks. Raises UsageError."""

    name: str = option("SFace", ", ".join(HEADS), name="head", argument="head", metavar="NAME")
    s: float = option(64.0, "scale: of the gradient (SFace), of the cosines (ArcFace, CosFace)", name="param_s")
    k: float = option(80.0, "slope of SFace's two sigmoids, per radian", name="param_k")
    a: float = option(
        _CASIA.a,
        "angle in radians below which the pull to the own class fades",
        name="param_a",
        default=f"by data_mode: {_CASIA.a:g} for {DEFAULT_MODE}",
    )
    b: float = option(
        _CASIA.b,
        "angle in radians above which the push from another class fades",
        name="param_b",
        default=f"by data_mode: {_CASIA.b:g} for {DEFAULT_MODE}",
    )
    margin: float = option(
        MARGINS["ArcFace"],
        "of ArcFace, added to the angle, in radians; of CosFace, taken from the cosine",
        default="; ".join(f"{margin:g} for {head}" for head, margin in MARGINS.items()),
    )
    sharded: bool = option(False, "each process owns its part of the classes (SFace alone)", name="shard_head")

    def __post_init__(self) -> None:
        if self.name not in HEADS:
            raise UsageError(
                f"head {self.name}: there is no such head",
                remedy=f"choose one of {', '.join(HEADS)}",
                argument="head",
            )
        for name in ("s", "k"):
            if not 0 < getattr(self, name) < math.inf:
                raise UsageError(f"{name} {getattr(self, name)}: must be a number above 0", argument=name)
        for name in ("a", "b"):
            if not math.isfinite(getattr(self, name)):
                raise UsageError(f"{name} {getattr(self, name)}: must be an angle in radians", argument=name)
        if not 0 <= self.margin < math.pi / 2:
            raise UsageError(
                f"margin {self.margin}: must be from 0 to below 1.57, such as 0.5 for ArcFace", argument="margin"
            )
        if self.sharded and self.name != "SFace":
            raise UsageError(
                f"sharded with head {self.name}: only SFace's classes can be shared out over ranks", argument="sharded"
            )


@dataclass(frozen=True, slots=True)
class AugmentConfig:
    """How likely each change of a training crop is, from 0 (never) to 1, beside mirroring (loading/augmentation.py).

    Raises UsageError.
    """

    crop: float = option(0.0, "a random part of a crop is kept, the rest is black", name="augment_crop", metavar="P")
    lowres: float = option(0.0, "blurred, or made smaller and then large again", name="augment_lowres", metavar="P")
    color: float = option(0.0, "other brightness, contrast and saturation", name="augment_color", metavar="P")
    move: float = option(0.0, "shifted, turned and scaled a little", name="augment_move", metavar="P")
    grey: float = option(0.0, "without colours", name="augment_grey", metavar="P")
    blend: float = option(
        0.0, "a mean of two crops; only with a teacher, as it has no label", name="augment_blend", metavar="P"
    )

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if not 0 <= value <= 1:
                raise UsageError(f"{name} {value}: must be a probability, from 0 to 1", argument=name)


@dataclass(frozen=True, slots=True)
class TeacherConfig:
    """The network whose embeddings are learned (train/teacher.py): its file's name, and the sha256 of its bytes."""

    name: str
    sha256: str


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """Everything that decides the weights a run ends with, and how often it saves and verifies. Raises UsageError.

    `teacher` is the network whose embeddings are learned; `head` then has no part in it (None: labels are learned).
    """

    network: NetworkConfig = field(default_factory=lambda: NetworkConfig("IR_50"))
    head: HeadConfig = field(default_factory=HeadConfig)
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    teacher: TeacherConfig | None = None
    batch_size: int = option(256, "images a step, over all processes")
    # The same step but for BatchNorm, whose statistics are then those of a part, and, with a teacher, for the
    # relations, which are those within a part.
    accumulate: int = option(1, "work through a batch in N parts, to save memory", metavar="N")
    lr: float = option(0.1, "learning rate of the first epochs")
    schedule: str = option(
        "stages", "how the rate falls: in stages, or to 0 as a cosine or a polynomial of degree 2", choices=SCHEDULES
    )
    stages: tuple[int, ...] = option((35, 65, 95), "epochs, counted from 0, at whose start the rate is divided by 10")
    warmup_epochs: float = option(0.0, "epochs in which the rate rises from near 0 to the schedule's")
    clip_norm: float | None = option(None, "bound of the length of all gradients together", default="none")
    epochs: int = option(125, "the run ends after so many epochs")
    max_steps: int | None = option(None, "or after so many steps, whichever is first", default="none")
    save_every: int = option(2000, "steps between checkpoints; the last step always has one")
    keep: int = option(3, "checkpoints that are kept; the best and the last always are")
    eval_every: int = option(2000, "steps between verifications")
    seed: int = option(1337, "of weights, order, mirroring, augmentation and dropout")
    momentum: float = 0.9
    weight_decay: float = 5e-4

    def __post_init__(self) -> None:
        for name in ("batch_size", "accumulate", "epochs", "max_steps", "save_every", "keep", "eval_every"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise UsageError(f"{name} {value}: must be at least 1", argument=name)
        self._check("lr", 0 < self.lr < 1e3, "must be above 0")
        self._check("schedule", self.schedule in SCHEDULES, f"must be one of {', '.join(SCHEDULES)}")
        self._check("warmup_epochs", 0 <= self.warmup_epochs < math.inf, "must be 0 or more")
        self._check("clip_norm", self.clip_norm is None or 0 < self.clip_norm < math.inf, "must be above 0")
        self._check("seed", 0 <= self.seed < 2**32, "must be from 0 to 4294967295")
        rise = list(self.stages) == sorted(set(self.stages)) and not (self.stages and self.stages[0] < 0)
        if not rise:
            raise UsageError(f"stages {value_text(self.stages)}: epochs must rise, such as 35,65,95", argument="stages")
        if self.augment.blend and self.teacher is None:
            raise UsageError(
                f"blend {self.augment.blend}: a blend of two people has no label; it takes a teacher", argument="blend"
            )
        if not (0 <= self.momentum < 1 and 0 <= self.weight_decay < math.inf):
            raise UsageError(f"momentum {self.momentum}, weight decay {self.weight_decay}: must be 0 or more")

    def _check(self, name: str, right: bool, demand: str) -> None:
        if not right:
            raise UsageError(f"{name} {getattr(self, name)}: {demand}", argument=name)

    def to_dict(self) -> dict[str, Any]:
        """The fields, for JSON; `from_dict` reads them."""
        return asdict(self)

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> "TrainConfig":
        """What `to_dict` gave, after its way through JSON. Raises UsageError."""
        return _from_fields(cls, fields, needed=("network", "head", "augment"))


if TYPE_CHECKING:
    AnyPath = str | os.PathLike[str]
else:
    AnyPath = str  # `Resources` keeps any path as text, as it is saved

PATHS = ("data_root", "eval_root", "resume_backbone", "resume_head", "teacher")  # of Resources


@dataclass(frozen=True, slots=True)
class Resources:
    """What a run draws on: images, first weights, devices and processes. Paths are kept as text, as they are saved."""

    data_root: AnyPath = field(
        metadata=Option(
            "folder of the training set", default=f"by data_mode: {_CASIA.root} for {DEFAULT_MODE}"
        ).metadata()
    )
    eval_root: AnyPath | None = option(None, "folder of the verification sets, NAME.bin", default="the training set's")
    target: tuple[str, ...] | None = option(
        None, "names of the sets; each must be there", default=f"those there of {','.join(TARGETS)}"
    )
    resume_backbone: AnyPath | None = option(
        None, "first weights of the network: a checkpoint, or a .pth or .pkl file", metavar="PATH", default="none"
    )
    resume_head: AnyPath | None = option(None, "first weights of the head: likewise", metavar="PATH", default="none")
    teacher: AnyPath | None = option(
        None,
        "ONNX file of a network whose embeddings are learned, in place of labels and head",
        metavar="FILE",
        default="none",
    )
    preprocess: Preprocess | None = option(
        None, "the teacher's input: RGB 0..255 (raw) or -1..1 (centered)", default="what the file says"
    )
    workers_id: str = option("cpu", "cpu, or a host's GPUs: 0, or 0,1 with mpirun -np 2")
    # The command's default needs processes, and those in a program an `if __name__ == "__main__"`.
    num_workers: int = option(
        0,
        "processes that decode images, for each training process",
        default="one for each core; without a teacher at most 4",
    )

    def __post_init__(self) -> None:
        for name in PATHS:
            if isinstance(path := getattr(self, name), os.PathLike):
                object.__setattr__(self, name, os.fspath(path))

    def to_dict(self) -> dict[str, Any]:
        """The fields, for JSON; `from_dict` reads them."""
        return asdict(self)

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> "Resources":
        """What `to_dict` gave, after its way through JSON. Raises UsageError."""
        return _from_fields(cls, fields, needed=("target",))


T = TypeVar("T", TrainConfig, Resources)


def _from_fields(kind: type[T], fields: Mapping[str, Any], needed: tuple[str, ...]) -> T:
    try:
        # Not left to the defaults: nobody could say later which network a file without one is of.
        if missing := [name for name in needed if name not in fields]:
            raise ValueError(f"Object missing required field `{missing[0]}`")
        return from_fields(kind, fields)
    except (TypeError, ValueError) as error:
        raise UsageError(f"settings are missing or of the wrong kind: {error}") from None

"""A training run as one frozen value, checked when it is made. No Jittor here.

Every field is an option of `sface train`; docs/train.md says which.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, is_dataclass
from dataclasses import fields as fields_of
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

from ..errors import UsageError
from ..files import write_text
from ..model_files.metadata import Preprocess
from ..models.network_config import NetworkConfig

CONFIG = "config.json"  # in a run's folder
HEADS = ("SFace", "ArcFace", "CosFace", "Softmax")
MARGINS = {"ArcFace": 0.5, "CosFace": 0.35}  # those of their papers
SCHEDULES = ("stages", "cosine", "polynomial")


@dataclass(frozen=True, slots=True)
class DataMode:
    """A training set of the published code: where it lies unless --data_root says otherwise, and the paper's angles."""

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


@dataclass(frozen=True, slots=True)
class HeadConfig:
    """A head and its parameters (train/heads/build.py). A head ignores those that its formula lacks.

    name     one of HEADS
    s        scale: of the gradient (SFace), of the cosines (ArcFace, CosFace)
    k        slope of SFace's two sigmoids, per radian
    a        angle in radians below which SFace's pull to the own class fades
    b        angle in radians above which its push from another class fades
    margin   ArcFace: added to the angle, in radians; CosFace: taken from the cosine
    sharded  each rank owns its part of the classes (SFace alone)
    """

    name: str = "SFace"
    s: float = 64.0
    k: float = 80.0
    a: float = 0.87
    b: float = 1.20
    margin: float = 0.5
    sharded: bool = False

    def __post_init__(self) -> None:
        if self.name not in HEADS:
            raise UsageError(f"--head {self.name}: there is no such head", remedy=f"choose one of {', '.join(HEADS)}")
        if not (0 < self.s < math.inf and 0 < self.k < math.inf):
            raise UsageError(f"--param_s {self.s} --param_k {self.k}: both must be numbers above 0")
        if not (math.isfinite(self.a) and math.isfinite(self.b)):
            raise UsageError(f"--param_a {self.a} --param_b {self.b}: both must be angles in radians")
        if not 0 <= self.margin < math.pi / 2:
            raise UsageError(f"--margin {self.margin}: must be from 0 to below 1.57, such as 0.5 for ArcFace")
        if self.sharded and self.name != "SFace":
            raise UsageError(f"--shard_head --head {self.name}: only SFace's classes can be shared out over ranks")


@dataclass(frozen=True, slots=True)
class AugmentConfig:
    """How likely each change of a training crop is, from 0 (never) to 1, beside mirroring (loading/augmentation.py).

    crop    a random part of the crop is kept where it was, the rest becomes black
    lowres  made smaller and brought back to size, or blurred
    color   brightness, contrast and saturation are changed
    move    shifted, turned and scaled a little
    grey    without colours
    blend   a mean of two crops takes its place; only with a teacher, as it has no label
    """

    crop: float = 0.0
    lowres: float = 0.0
    color: float = 0.0
    move: float = 0.0
    grey: float = 0.0
    blend: float = 0.0

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if not 0 <= value <= 1:
                raise UsageError(f"--augment_{name} {value}: must be a probability, from 0 to 1")


@dataclass(frozen=True, slots=True)
class TeacherConfig:
    """The network whose embeddings are learned (train/teacher.py): its file's name, and the sha256 of its bytes."""

    name: str
    sha256: str


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """Everything that decides the weights a run ends with, and how often it saves and verifies.

    teacher         the network whose embeddings are learned; `head` then has no part in it (None: labels are learned)
    batch_size      images a step, over all processes
    accumulate      parts in which a process works through its share of a batch, one after the other: less memory,
                    the same step but for BatchNorm, whose statistics are then those of a part, and, with a teacher,
                    for the relations, which are those within a part
    lr              learning rate of the first epochs
    schedule        how it falls: "stages" (divided by 10 at the start of each epoch in `stages`), "cosine" or
                    "polynomial" (of degree 2), both to 0 at the run's end
    stages          epochs, counted from 0
    warmup_epochs   epochs in which the rate rises to what the schedule says, from near 0
    clip_norm       bound of the length of all gradients together (None: no such bound)
    epochs          the run ends after so many
    max_steps       or after so many steps, whichever is first (None: no such limit)
    save_every      steps between checkpoints; the last step always has one
    keep            checkpoints that are kept; the best and the last always are
    eval_every      steps between verifications
    seed            of weights, order, mirroring and augmentation
    """

    network: NetworkConfig = field(default_factory=lambda: NetworkConfig("IR_50"))
    head: HeadConfig = field(default_factory=HeadConfig)
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    teacher: TeacherConfig | None = None
    batch_size: int = 256
    accumulate: int = 1
    lr: float = 0.1
    schedule: str = "stages"
    stages: tuple[int, ...] = (35, 65, 95)
    warmup_epochs: float = 0.0
    clip_norm: float | None = None
    epochs: int = 125
    max_steps: int | None = None
    save_every: int = 2000
    keep: int = 3
    eval_every: int = 2000
    seed: int = 1337
    momentum: float = 0.9
    weight_decay: float = 5e-4

    def __post_init__(self) -> None:
        for name in ("batch_size", "accumulate", "epochs", "save_every", "keep", "eval_every"):
            if getattr(self, name) < 1:
                raise UsageError(f"--{name} {getattr(self, name)}: must be at least 1")
        if self.max_steps is not None and self.max_steps < 1:
            raise UsageError(f"--max_steps {self.max_steps}: must be at least 1")
        if not 0 < self.lr < 1e3:
            raise UsageError(f"--lr {self.lr}: must be above 0")
        if self.schedule not in SCHEDULES:
            raise UsageError(f"--schedule {self.schedule}: must be one of {', '.join(SCHEDULES)}")
        if not 0 <= self.warmup_epochs < math.inf:
            raise UsageError(f"--warmup_epochs {self.warmup_epochs}: must be 0 or more")
        if self.clip_norm is not None and not 0 < self.clip_norm < math.inf:
            raise UsageError(f"--clip_norm {self.clip_norm}: must be above 0")
        if not 0 <= self.seed < 2**32:
            raise UsageError(f"--seed {self.seed}: must be from 0 to 4294967295")
        if list(self.stages) != sorted(set(self.stages)) or (self.stages and self.stages[0] < 0):
            raise UsageError(f"--stages {','.join(map(str, self.stages))}: epochs must rise, such as 35,65,95")
        if self.augment.blend and self.teacher is None:
            raise UsageError(
                f"--augment_blend {self.augment.blend}: a blend of two people has no label; it takes a --teacher"
            )
        if not (0 <= self.momentum < 1 and 0 <= self.weight_decay < math.inf):
            raise UsageError(f"momentum {self.momentum}, weight decay {self.weight_decay}: must be 0 or more")

    def to_dict(self) -> dict[str, Any]:
        """The fields, for JSON; `from_dict` reads them."""
        return asdict(self)

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> "TrainConfig":
        """What `to_dict` gave, after its way through JSON."""
        nested = {
            "network": NetworkConfig(**fields["network"]),
            "head": HeadConfig(**fields["head"]),
            "augment": AugmentConfig(**fields["augment"]),
            "teacher": TeacherConfig(**teacher) if (teacher := fields.get("teacher")) else None,
            "stages": _as_tuple(fields["stages"]),
        }
        return cls(**{**fields, **nested})


@dataclass(frozen=True, slots=True)
class Resources:
    """What a run draws on: images, first weights, devices and processes.

    data_root        folder of the training set
    eval_root        folder of the verification sets, NAME.bin (None: the training set's)
    target           names of these sets; each must be there (None: those of usual_sets.TARGETS that are)
    resume_backbone  first weights of the network: a checkpoint, or a file of the published code
    resume_head      first weights of the head: likewise
    teacher          ONNX file of the network whose embeddings are learned
    preprocess       its input, where the file doesn't say it: "raw" or "centered"
    workers_id       "cpu", or the GPUs of a host, one for each of its training processes: "0,1"
    num_workers      processes that decode images for each training process; 0: it does so itself
    """

    data_root: str
    eval_root: str | None = None
    target: tuple[str, ...] | None = None
    resume_backbone: str | None = None
    resume_head: str | None = None
    teacher: str | None = None
    preprocess: Preprocess | None = None
    workers_id: str = "cpu"
    num_workers: int = 0

    def to_dict(self) -> dict[str, Any]:
        """The fields, for JSON; `from_dict` reads them."""
        return asdict(self)

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> "Resources":
        """What `to_dict` gave, after its way through JSON."""
        target = fields["target"]
        return cls(**{**fields, "target": None if target is None else _as_tuple(target)})


def write_run(path: Path, config: TrainConfig, resources: Resources) -> None:
    """Write a run's settings as JSON; `read_run` reads them. Raises StorageError."""
    fields = {"training": config.to_dict(), "resources": resources.to_dict()}
    write_text(path, json.dumps(fields, indent=1) + "\n")


def read_run(path: Path) -> tuple[TrainConfig, Resources]:
    """What `write_run` wrote. Raises UsageError where there is no such file, or it can't be understood."""
    try:
        return run_of(json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise UsageError(
            f"can't be read ({error.strerror})", path=path, remedy="name the config.json of a run"
        ) from error
    except (ValueError, UsageError) as error:
        raise UsageError(f"not the settings of a run, or damaged ones ({error})", path=path) from None


def run_of(fields: Mapping[str, Any]) -> tuple[TrainConfig, Resources]:
    """A run's settings from the fields that its config.json and its checkpoints hold. Raises UsageError."""
    try:
        run = TrainConfig.from_dict(fields["training"]), Resources.from_dict(fields["resources"])
    except (KeyError, TypeError) as error:
        raise UsageError(f"settings are missing or of the wrong kind: {error!r}") from None
    for part in run:
        _check_kinds(part)
    return run


def _as_tuple(value: Any) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise TypeError(f"{value!r} is not a list")
    return tuple(value)


def _check_kinds(part: Any) -> None:
    """Raise UsageError unless all fields of a dataclass are what their annotations say."""
    for entry in fields_of(part):
        value = getattr(part, entry.name)
        if is_dataclass(value):
            _check_kinds(value)
        elif not _is_of(value, entry.type):
            raise UsageError(f"{entry.name} is of the wrong kind: {value!r}")


def _is_of(value: Any, kind: Any) -> bool:
    if get_origin(kind) in (UnionType, Union):
        return any(_is_of(value, one) for one in get_args(kind))
    if get_origin(kind) is Literal:
        return value in get_args(kind)
    if get_origin(kind) is tuple:
        return isinstance(value, tuple) and all(_is_of(item, get_args(kind)[0]) for item in value)
    return type(value) is kind or (kind is float and type(value) is int)

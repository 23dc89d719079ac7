"""A training run as one frozen value, checked when it is made. No Jittor here."""

import math
from dataclasses import asdict, dataclass, field
from typing import Any

from ..errors import UsageError
from ..models.config import NetworkConfig


@dataclass(frozen=True, slots=True)
class SFaceConfig:
    """Parameters of the SFace loss (train/heads.py). The paper's (a, b): CASIA-WebFace (0.87, 1.20), VGGFace2
    (0.88, 1.25), MS1MV2 (0.90, 1.20).

    s  scale of the gradient
    k  slope of the two sigmoids, per radian
    a  angle in radians below which the pull to the own class fades
    b  angle in radians above which the push from another class fades
    """

    s: float = 64.0
    k: float = 80.0
    a: float = 0.87
    b: float = 1.20

    def __post_init__(self) -> None:
        if not (0 < self.s < math.inf and 0 < self.k < math.inf):
            raise UsageError(f"--param_s {self.s} --param_k {self.k}: both must be numbers above 0")
        if not (math.isfinite(self.a) and math.isfinite(self.b)):
            raise UsageError(f"--param_a {self.a} --param_b {self.b}: both must be angles in radians")


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """Everything that decides the weights a run ends with, and how often it saves.

    batch_size    images a step, over all processes
    lr            learning rate of the first epochs; divided by 10 at the start of each epoch in `stages`
    stages        epochs, counted from 0
    epochs        the run ends after so many
    max_steps     or after so many steps, whichever is first (None: no such limit)
    save_every    steps between checkpoints; the last step always has one
    seed          of weights, order and mirroring
    """

    network: NetworkConfig = field(default_factory=NetworkConfig)
    loss: SFaceConfig = field(default_factory=SFaceConfig)
    batch_size: int = 256
    lr: float = 0.1
    stages: tuple[int, ...] = (35, 65, 95)
    epochs: int = 125
    max_steps: int | None = None
    save_every: int = 2000
    seed: int = 1337
    momentum: float = 0.9
    weight_decay: float = 5e-4

    def __post_init__(self) -> None:
        for name, value in (("batch_size", self.batch_size), ("epochs", self.epochs), ("save_every", self.save_every)):
            if value < 1:
                raise UsageError(f"--{name} {value}: must be at least 1")
        if self.max_steps is not None and self.max_steps < 1:
            raise UsageError(f"--max_steps {self.max_steps}: must be at least 1")
        if not 0 < self.lr < 1e3:
            raise UsageError(f"--lr {self.lr}: must be above 0")
        if not 0 <= self.seed < 2**32:
            raise UsageError(f"--seed {self.seed}: must be from 0 to 4294967295")
        if list(self.stages) != sorted(set(self.stages)) or (self.stages and self.stages[0] < 0):
            raise UsageError(f"--stages {','.join(map(str, self.stages))}: epochs must rise, such as 35,65,95")

    def to_dict(self) -> dict[str, Any]:
        """The fields, for JSON; `from_dict` reads them."""
        return asdict(self)

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> "TrainConfig":
        """What `to_dict` gave, after its way through JSON."""
        nested = {
            "network": NetworkConfig(**fields["network"]),
            "loss": SFaceConfig(**fields["loss"]),
            "stages": tuple(fields["stages"]),
        }
        return cls(**{**fields, **nested})

"""What a network is built from. No Jittor here: a checkpoint's description can be read without it."""

from dataclasses import asdict, dataclass
from typing import Any

from ..errors import UsageError

NETWORKS = ("MobileFaceNet", "IR_50", "IR_101", "IR_152", "IR_SE_50", "IR_SE_101", "IR_SE_152")


@dataclass(frozen=True, slots=True)
class NetworkConfig:
    """A network, its sizes, and the normalisation that is part of it.

    name            one of NETWORKS
    embedding_size  D, the length of the embedding
    input_size      S, in pixels: the network takes float32 (N, 3, S, S), RGB, 0..255
    input_scale     it begins with (x - 127.5) * input_scale. The published PyTorch and Jittor code has 10/128, its
                    MXNet code 1/128.
    """

    name: str
    embedding_size: int = 512
    input_size: int = 112
    input_scale: float = 0.078125

    def __post_init__(self) -> None:
        if self.name not in NETWORKS:
            raise UsageError(
                f"--net {self.name}: there is no such network", remedy=f"choose one of {', '.join(NETWORKS)}"
            )
        if not 1 <= self.embedding_size <= 65536:
            raise UsageError(f"--embedding_size {self.embedding_size}: must be from 1 to 65536")
        if self.input_size not in (112, 224):
            raise UsageError(f"--input_size {self.input_size}: must be 112 or 224")
        if not 0 < self.input_scale < 1000:
            raise UsageError(f"--input_scale {self.input_scale}: must be above 0, such as 0.078125")

    def to_dict(self) -> dict[str, Any]:
        """The fields, for JSON."""
        return asdict(self)

"""What a network is built from. No Jittor here: a checkpoint's description can be read without it."""

from dataclasses import asdict, dataclass, field
from typing import Any

from ..config_option import Option, option
from ..errors import UsageError

NETWORKS = ("MobileFaceNet", "IR_50", "IR_101", "IR_152", "IR_SE_50", "IR_SE_101", "IR_SE_152")


@dataclass(frozen=True, slots=True)
class NetworkConfig:
    """A network, its sizes, and the normalisation that is part of it.

    With S the input size in pixels and D the embedding size, the network takes float32 (N, 3, S, S), RGB, 0..255, and
    gives float32 (N, D). It begins with (x - 127.5) * input_scale: the published PyTorch and Jittor code has 10/128,
    its MXNet code 1/128. `name` is one of NETWORKS. Raises UsageError.
    """

    name: str = field(metadata=Option(", ".join(NETWORKS), name="net", argument="network", metavar="NAME").metadata())
    embedding_size: int = option(512, "length of the embedding")
    input_size: int = option(112, "edge of the crops in pixels, 112 or 224")
    input_scale: float = option(0.078125, "the network begins with (x - 127.5) * this")

    def __post_init__(self) -> None:
        if self.name not in NETWORKS:
            raise UsageError(
                f"network {self.name}: there is no such network",
                remedy=f"choose one of {', '.join(NETWORKS)}",
                argument="network",
            )
        if not 1 <= self.embedding_size <= 65536:
            raise UsageError(
                f"embedding_size {self.embedding_size}: must be from 1 to 65536", argument="embedding_size"
            )
        if self.input_size not in (112, 224):
            raise UsageError(f"input_size {self.input_size}: must be 112 or 224", argument="input_size")
        if not 0 < self.input_scale < 1000:
            raise UsageError(
                f"input_scale {self.input_scale}: must be above 0, such as 0.078125", argument="input_scale"
            )

    def to_dict(self) -> dict[str, Any]:
        """The fields, for JSON."""
        return asdict(self)

"""Training runs for tests: short ones in this process, and commands in processes of their own."""

import os
import subprocess
import sys
from pathlib import Path

from sface.models.network_config import NetworkConfig
from sface.output import Output
from sface.train import Resources, TrainConfig, TrainResult, train

QUIET = Output(quiet=True)
CONFIG = TrainConfig(
    network=NetworkConfig("MobileFaceNet", embedding_size=32), batch_size=8, max_steps=2, save_every=100, lr=0.02
)
# The same as flags.
FLAGS = ["--net", "MobileFaceNet", "--embedding_size", 32, "--batch_size", 8, "--lr", 0.02]
FILES = ("model.safetensors", "head-0.safetensors", "momentum.safetensors")


def run(config: TrainConfig, data: Path, outdir: Path, resume: bool = False, **resources: object) -> TrainResult:
    """Train in this process; `resources`: fields of Resources beside data_root."""
    return train(config, Resources(data, **resources), outdir, resume=resume)  # type: ignore[arg-type]


def same_weights(a: Path, b: Path) -> bool:
    """Whether two checkpoints hold the same network to the last bit."""
    return (a / "model.safetensors").read_bytes() == (b / "model.safetensors").read_bytes()


def command(*arguments: object) -> list[str]:
    """`sface train ...` as a list for subprocess."""
    return [sys.executable, "-m", "sface", "train", *map(str, arguments)]


def mpirun_command(ranks: int, *arguments: object) -> list[str]:
    """The same in several processes; it needs `mpi_environment`."""
    program = str(Path(sys.executable).parent / "mpirun")
    return [program, "--oversubscribe", "-np", str(ranks), *command(*arguments)]


def mpi_environment() -> dict[str, str]:
    """This process's, without what belongs to it alone."""
    environment = os.environ | {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
    return {name: value for name, value in environment.items() if name not in ("OMP_NUM_THREADS", "use_mpi")}


def mpirun(*arguments: object, ranks: int = 2) -> subprocess.CompletedProcess[str]:
    """Run `sface train` in several processes until it ends."""
    return subprocess.run(
        mpirun_command(ranks, *arguments),
        capture_output=True,
        text=True,
        check=False,
        env=mpi_environment(),
        timeout=300,
    )

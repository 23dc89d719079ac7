"""Train a face-recognition network with the SFace loss."""

import argparse
import dataclasses
from pathlib import Path
from typing import Any

from ..models.network_config import NetworkConfig
from ..output import Output
from ..train.config import DATA_MODES, DEFAULT_MODE, AugmentConfig, HeadConfig, Resources, TrainConfig
from ..train.run_settings import RESOURCES, TRAINING, WITH_TEACHER
from .config_options import add_option

_OPTIONS = RESOURCES | TRAINING
OPTIONS = {option.argument: name for name, option in _OPTIONS.items() if option.argument != name}
_GROUPS = {
    Resources: "images, first weights, teacher, devices",
    NetworkConfig: "network",
    HeadConfig: "head",
    AugmentConfig: "augmentation: the probability of each change of a crop, beside mirroring",
    TrainConfig: "steps, checkpoints, verification",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of train/config.py, most of which have the names of the published code, and four of the command's."""
    run = parser.add_argument_group("the run").add_argument
    run("--outdir", type=Path, required=True, help="folder for checkpoints, log and curves")
    run("--resume", action="store_true", help="go on from the last checkpoint in --outdir, with its settings")
    run("--config", type=Path, metavar="FILE", help="begin with the settings of another run, its OUT/config.json")
    run(
        "--data_mode",
        choices=DATA_MODES,
        help=f"training set: chooses --param_a, --param_b, --data_root (default: {DEFAULT_MODE})",
    )
    groups = {config: parser.add_argument_group(title) for config, title in _GROUPS.items()}
    for name, option in _OPTIONS.items():
        add_option(groups[option.config], name, option, with_teacher=WITH_TEACHER.get(option.name))


def run(args: argparse.Namespace, output: Output) -> int:
    """Train; the exit code is 0 also where a signal ended the run, since its state was saved."""
    from ..runtime.mpi_environment import rank
    from ..train import train_with_options

    result = train_with_options(_given(args), args.outdir, resume=args.resume, output=output)
    if rank() > 0:
        return 0
    fields = dataclasses.asdict(result) | {"checkpoint": str(result.checkpoint)}
    if not result.finished:
        output.result(f"stopped and saved at step {result.step}: {result.checkpoint}; go on with --resume", fields)
    elif result.last is None:
        output.result(f"{args.outdir}: was finished already, at step {result.step}", fields)
    else:
        output.result(f"{result.checkpoint}: {result.last.text()}", fields)
    return 0


def _given(args: argparse.Namespace) -> dict[str, Any]:
    return {name: getattr(args, name) for name in (*_OPTIONS, "data_mode", "config")}

"""Train a face-recognition network with the SFace loss."""

import argparse
import dataclasses
from pathlib import Path
from typing import Any

from .. import dependencies, runtime
from ..errors import CheckpointError, UsageError
from ..output import Output


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The flags have the names of the published code; those left out have the defaults of train/config.py."""
    from ..models.config import NETWORKS

    add = parser.add_argument
    add("--data_root", type=Path, required=True, help="folder of the set itself: imgs.txt or train.rec, and property")
    add("--outdir", type=Path, required=True, help="folder for checkpoints and log")
    add("--workers_id", default="cpu", help="cpu, or GPUs: 0, or 0,1 with mpirun -np 2 (default: cpu)")
    add("--resume", action="store_true", help="go on from the last checkpoint in --outdir, with its settings")
    add("--net", metavar="NAME", help=f"{', '.join(NETWORKS)} (default: MobileFaceNet)")
    add("--embedding_size", type=int, help="length of the embedding (default: 512)")
    add("--input_size", type=int, help="edge of the crops in pixels (default: 112)")
    add("--input_scale", type=float, help="the network begins with (x - 127.5) * this (default: 0.078125)")
    add("--batch_size", type=int, help="images a step, over all processes (default: 256)")
    add("--lr", type=float, help="learning rate (default: 0.1)")
    add("--stages", type=_epochs, help="epochs at whose start it is divided by 10 (default: 35,65,95)")
    add("--epochs", type=int, help="end after so many (default: 125)")
    add("--max_steps", type=int, help="or after so many steps")
    add("--save_every", type=int, help="steps between checkpoints (default: 2000)")
    add("--seed", type=int, help="of weights, order and mirroring (default: 1337)")
    add("--param_s", type=float, help="scale of the SFace loss (default: 64)")
    add("--param_k", type=float, help="slope of its two sigmoids (default: 80)")
    add("--param_a", type=float, help="angle in radians where the pull to the own class fades (default: 0.87)")
    add("--param_b", type=float, help="angle in radians where the push from the others fades (default: 1.2)")


def _epochs(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(",") if part)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of epochs such as 35,65,95") from None


# flag: where it stands in TrainConfig's fields
_FIELDS = {
    "net": ("network", "name"),
    "embedding_size": ("network", "embedding_size"),
    "input_size": ("network", "input_size"),
    "input_scale": ("network", "input_scale"),
    "param_s": ("head", "s"),
    "param_k": ("head", "k"),
    "param_a": ("head", "a"),
    "param_b": ("head", "b"),
    **{flag: (flag,) for flag in ("batch_size", "lr", "stages", "epochs", "max_steps", "save_every", "seed")},
}
# What a resumed run may change: when it ends and how often it saves. All else decides the weights it ends with.
_MAY_CHANGE = ("epochs", "max_steps", "save_every")


def run(args: argparse.Namespace, output: Output) -> int:
    """Train; the exit code is 0 also where a signal ended the run, since its state was saved."""
    from ..train.ranks import choose_device, failing_together

    use_cuda = choose_device(args.workers_id)
    runtime.prepare()
    dependencies.require("jittor", "train")
    with failing_together(output):
        return _train(args, use_cuda, output)


def _train(args: argparse.Namespace, use_cuda: bool, output: Output) -> int:
    import jittor as jt

    from ..train.config import TrainConfig
    from ..train.loop import find_run, train

    if use_cuda and not jt.has_cuda:
        raise UsageError(f"--workers_id {args.workers_id}: Jittor can't use CUDA here: {runtime.why_no_cuda()}")
    jt.flags.use_cuda = int(use_cuda)
    given = {flag: getattr(args, flag) for flag in _FIELDS if getattr(args, flag) is not None}
    checkpoint = find_run(args.outdir, args.resume)
    if checkpoint:
        try:
            saved = TrainConfig.from_dict(dict(checkpoint.description["training"])).to_dict()
        except (KeyError, TypeError, UsageError) as error:
            raise CheckpointError(f"{checkpoint.folder}: its settings are damaged ({error})") from None
        config = TrainConfig.from_dict(_with_flags(saved, given, keep=True))
    else:
        config = TrainConfig.from_dict(_with_flags(TrainConfig().to_dict(), given, keep=False))
    result = train(config, args.data_root, args.outdir, checkpoint=checkpoint, output=output)
    if runtime.rank() > 0:
        return 0

    fields = dataclasses.asdict(result) | {"checkpoint": str(result.checkpoint)}
    if result.last is None:
        output.result(f"{args.outdir}: was finished already, at step {result.step}", fields)
    elif not result.finished:
        output.result(f"stopped and saved at step {result.step}: {result.checkpoint}; go on with --resume", fields)
    else:
        output.result(f"{result.checkpoint}: {result.last.text()}", fields)
    return 0


def _with_flags(fields: dict[str, Any], given: dict[str, Any], *, keep: bool) -> dict[str, Any]:
    """`fields` of a TrainConfig with the flags put in; with `keep`, only those that a resumed run may change."""
    fields = {name: dict(value) if isinstance(value, dict) else value for name, value in fields.items()}
    for flag, value in given.items():
        place, name = fields, _FIELDS[flag][-1]
        if len(_FIELDS[flag]) == 2:
            place = fields[_FIELDS[flag][0]]
        was = tuple(place[name]) if isinstance(place[name], list) else place[name]
        if keep and value != was and flag not in _MAY_CHANGE:
            raise UsageError(f"--{flag} {value}: the run to resume has {was}; leave the flag out, or start a new run")
        place[name] = value
    return fields

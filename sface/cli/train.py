"""Train a face-recognition network with the SFace loss."""

import argparse
import dataclasses
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import CheckpointError, UsageError
from ..output import Output
from ..runtime import dependencies

if TYPE_CHECKING:
    from ..models.weights.checkpoint import Checkpoint
    from ..train.config import Resources, TrainConfig


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The flags have the names of the published code; those left out have the defaults of train/config.py."""
    from ..evaluate.protocols.usual_sets import TARGETS
    from ..model_files.metadata import PREPROCESS
    from ..models.network_config import NETWORKS
    from ..train.config import DATA_MODES, HEADS, SCHEDULES

    run = parser.add_argument_group("the run").add_argument
    run("--outdir", type=Path, required=True, help="folder for checkpoints, log and curves")
    run("--workers_id", help="cpu, or GPUs: 0, or 0,1 with mpirun -np 2 (default: cpu)")
    run("--resume", action="store_true", help="go on from the last checkpoint in --outdir, with its settings")
    run("--config", type=Path, metavar="FILE", help="begin with the settings of another run, its OUT/config.json")
    run("--resume_backbone", metavar="PATH", help="first weights of the network: a checkpoint, or a .pth or .pkl file")
    run("--resume_head", metavar="PATH", help="first weights of the head: likewise")
    run("--epochs", type=int, help="end after so many (default: 125)")
    run("--max_steps", type=int, help="or after so many steps")
    run("--save_every", type=int, help="steps between checkpoints (default: 2000)")
    run("--keep", type=int, help="checkpoints that are kept, beside the best one (default: 3)")
    run("--seed", type=int, help="of weights, order, mirroring and augmentation (default: 1337)")

    data = parser.add_argument_group("images").add_argument
    data("--data_mode", choices=DATA_MODES, help="training set: chooses --param_a, --param_b, --data_root (casia)")
    data("--data_root", help="folder of the set itself (default: data/faces_webface_112x112 for casia)")
    data("--num_workers", type=int, help="processes that decode images, for each training process (default: 0 to 4)")
    data("--augment_crop", type=float, metavar="P", help="probability that part of a crop is black (default: 0)")
    data("--augment_lowres", type=float, metavar="P", help="that it is blurred or of low resolution (default: 0)")
    data("--augment_color", type=float, metavar="P", help="that its colours are changed (default: 0)")
    data("--augment_move", type=float, metavar="P", help="that it is shifted, turned and scaled a little (default: 0)")
    data("--augment_grey", type=float, metavar="P", help="that it is grey (default: 0)")
    data("--augment_blend", type=float, metavar="P", help="that it is blended with another (with --teacher alone)")
    data("--eval_root", help="folder of the verification sets, NAME.bin (default: --data_root)")
    data("--target", type=_names, help=f"which ones (default: those there of {','.join(TARGETS)})")
    data("--eval_every", type=int, help="steps between verifications (default: 2000)")

    teacher = parser.add_argument_group("a teacher, in place of labels and head").add_argument
    teacher("--teacher", metavar="FILE", help="ONNX file of a network whose embeddings are learned; labels aren't used")
    teacher("--preprocess", choices=PREPROCESS, help="its input, if the file doesn't say it: RGB 0..255, or -1..1")

    network = parser.add_argument_group("network and head").add_argument
    network("--net", metavar="NAME", help=f"{', '.join(NETWORKS)} (default: IR_50)")
    network("--embedding_size", type=int, help="length of the embedding (default: 512)")
    network("--input_size", type=int, help="edge of the crops in pixels, 112 or 224 (default: 112)")
    network("--input_scale", type=float, help="the network begins with (x - 127.5) * this (default: 0.078125)")
    network("--head", metavar="NAME", help=f"{', '.join(HEADS)} (default: SFace)")
    network("--shard_head", action="store_true", default=None, help="each process owns its part of the classes (SFace)")
    network("--param_s", type=float, help="scale (default: 64)")
    network("--param_k", type=float, help="slope of SFace's two sigmoids (default: 80)")
    network("--param_a", type=float, help="angle in radians where the pull to the own class fades (0.87 for casia)")
    network("--param_b", type=float, help="angle in radians where the push from the others fades (1.2 for casia)")
    network("--margin", type=float, help="of ArcFace, in radians (default: 0.5), or of CosFace (default: 0.35)")

    steps = parser.add_argument_group("steps").add_argument
    steps("--batch_size", type=int, help="images a step, over all processes (default: 256)")
    steps("--accumulate", type=int, metavar="N", help="work through a batch in N parts, to save memory (default: 1)")
    steps("--lr", type=float, help="learning rate (default: 0.1)")
    steps("--schedule", choices=SCHEDULES, help="how it falls (default: stages)")
    steps("--stages", type=_epochs, help="epochs at whose start it is divided by 10 (default: 35,65,95)")
    steps("--warmup_epochs", type=float, help="epochs in which it rises to --lr (default: 0)")
    steps("--clip_norm", type=float, help="bound of the length of all gradients together (default: none)")


def _epochs(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(",") if part)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of epochs such as 35,65,95") from None


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


# flag: where it stands in TrainConfig's fields
_TRAINING: dict[str, tuple[str, ...]] = {
    "net": ("network", "name"),
    "embedding_size": ("network", "embedding_size"),
    "input_size": ("network", "input_size"),
    "input_scale": ("network", "input_scale"),
    "head": ("head", "name"),
    "shard_head": ("head", "sharded"),
    "margin": ("head", "margin"),
    "param_s": ("head", "s"),
    "param_k": ("head", "k"),
    "param_a": ("head", "a"),
    "param_b": ("head", "b"),
    "augment_crop": ("augment", "crop"),
    "augment_lowres": ("augment", "lowres"),
    "augment_color": ("augment", "color"),
    "augment_move": ("augment", "move"),
    "augment_grey": ("augment", "grey"),
    "augment_blend": ("augment", "blend"),
    **{
        flag: (flag,)
        for flag in (
            *("batch_size", "accumulate", "lr", "schedule", "stages", "warmup_epochs", "clip_norm"),
            *("epochs", "max_steps", "save_every", "keep", "eval_every", "seed"),
        )
    },
}
# What a resumed run may change of it: when it ends, and how often it saves and verifies. All else decides the weights.
_MAY_CHANGE = ("epochs", "max_steps", "save_every", "keep", "eval_every")
_FILES = {"data_root", "eval_root", "resume_backbone", "resume_head", "teacher"}
_RESOURCES = _FILES | {"target", "workers_id", "num_workers", "preprocess"}
_OF_THE_HEAD = ("head", "shard_head", "margin", "param_s", "param_k", "param_a", "param_b", "resume_head")
# What a run with a teacher begins with.
_WITH_TEACHER: dict[str, Any] = {
    "schedule": "cosine",
    "augment_move": 0.8,
    "augment_color": 0.5,
    "augment_lowres": 0.1,
    "augment_grey": 0.1,
    "augment_blend": 0.3,
}


def run(args: argparse.Namespace, output: Output) -> int:
    """Train; the exit code is 0 also where a signal ended the run, since its state was saved."""
    dependencies.require("safetensors", "train")  # Jittor comes later: the loader's processes are there before it

    from ..processes.ranks import failing_together, rank
    from ..train.checkpoints import find_run
    from ..train.loop import train

    with failing_together(output):
        checkpoint = find_run(args.outdir, args.resume, output if rank() == 0 else Output(quiet=True))
        config, resources = _settings(args, checkpoint)
        result = train(config, resources, args.outdir, checkpoint=checkpoint, output=output)
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


def _settings(args: argparse.Namespace, checkpoint: "Checkpoint | None") -> "tuple[TrainConfig, Resources]":
    """A run's settings: those of a checkpoint, of --config or of the published code, with the flags put in."""
    from ..train.config import DATA_MODES, MARGINS, Resources, TrainConfig, read_run, run_of
    from ..train.teacher import Teacher

    given = {flag: value for flag in _TRAINING if (value := getattr(args, flag)) is not None}
    if checkpoint:
        if args.config or args.resume_backbone or args.resume_head:
            raise UsageError(
                "--resume takes settings and weights from the checkpoint: leave out --config, "
                "--resume_backbone and --resume_head"
            )
        try:
            config, resources = run_of(checkpoint.description)
        except UsageError as error:
            raise CheckpointError(f"its settings are damaged ({error})", path=checkpoint.folder) from None
    elif args.config:
        config, resources = read_run(args.config)
    else:
        args.data_mode = args.data_mode or "casia"
        config, resources = (
            TrainConfig(),
            Resources(data_root="", num_workers=_loader_processes(with_teacher=bool(args.teacher))),
        )
    if args.data_mode:
        mode = DATA_MODES[args.data_mode]
        given = {"param_a": mode.a, "param_b": mode.b} | given
        args.data_root = args.data_root or mode.root
    if not checkpoint and args.head in MARGINS and args.head != config.head.name:
        given = {"margin": MARGINS[args.head]} | given
    if args.teacher or config.teacher:
        _check_teacher_flags(args)
    elif args.preprocess:
        raise UsageError(f"--preprocess {args.preprocess}: is for a --teacher", remedy="leave it out")
    if args.teacher and not checkpoint:
        teacher = Teacher(Path(args.teacher), args.preprocess)
        config = dataclasses.replace(config, teacher=teacher.config)
        sizes = {"embedding_size": teacher.embedding_size, "input_size": teacher.input_size}
        given = (_WITH_TEACHER if args.config is None else {}) | sizes | given
    fields = _with_flags(config.to_dict(), given, keep=checkpoint is not None)
    changed = {flag: value for flag in _RESOURCES if (value := getattr(args, flag)) is not None}
    for flag in _FILES & changed.keys():
        changed[flag] = str(Path(changed[flag]).absolute())  # the run may be repeated, or go on, from another folder
    return TrainConfig.from_dict(fields), dataclasses.replace(resources, **changed)


def _check_teacher_flags(args: argparse.Namespace) -> None:
    for flag in _OF_THE_HEAD:
        if getattr(args, flag) is not None:
            raise UsageError(f"--{flag} with a teacher: it takes the head's place", remedy="leave one of them out")


def _with_flags(fields: dict[str, Any], given: dict[str, Any], *, keep: bool) -> dict[str, Any]:
    """`fields` of a TrainConfig with the flags put in; with `keep`, only those that a resumed run may change."""
    fields = {name: dict(value) if isinstance(value, dict) else value for name, value in fields.items()}
    for flag, value in given.items():
        place, name = fields, _TRAINING[flag][-1]
        if len(_TRAINING[flag]) == 2:
            place = fields[_TRAINING[flag][0]]
        if keep and value != place[name] and flag not in _MAY_CHANGE:
            raise UsageError(
                f"--{flag} {value}: the run to resume has {place[name]}", remedy="leave it out, or start a new run"
            )
        place[name] = value
    return fields


def _loader_processes(*, with_teacher: bool) -> int:
    """One for each core that a training process of this host has. Without a teacher four at most, since they are faster
    than any network."""
    local_ranks = int(os.environ.get("OMPI_COMM_WORLD_LOCAL_SIZE", "1"))
    cores = max(1, (os.cpu_count() or 1) // local_ranks)
    return cores if with_teacher else min(4, cores)

"""A run's settings: options by name, put over the defaults, over another run's settings, or over a checkpoint's."""

import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..config_option import options_of
from ..errors import UsageError
from .config import DATA_MODES, DEFAULT_MODE, MARGINS, PATHS, Resources, TrainConfig
from .settings_file import read_settings, settings_of

if TYPE_CHECKING:
    from ..models.weights.checkpoint import Checkpoint

Settings = tuple[TrainConfig, Resources]

TRAINING = {option.name: option for option in options_of(TrainConfig)}
RESOURCES = {option.name: option for option in options_of(Resources)}
# What a run with a teacher begins with.
WITH_TEACHER: dict[str, Any] = {
    "schedule": "cosine",
    "augment_move": 0.8,
    "augment_color": 0.5,
    "augment_lowres": 0.1,
    "augment_grey": 0.1,
    "augment_blend": 0.3,
}
# What a resumed run may change: when it ends, and how often it saves and verifies. All else decides the weights.
_MAY_CHANGE = {"epochs", "max_steps", "save_every", "keep", "eval_every"}
_OF_THE_HEAD = (*(name for name, option in TRAINING.items() if option.path[0] == "head"), "resume_head")


def settings_for(given: Mapping[str, Any], checkpoint: "Checkpoint | None" = None) -> Settings:
    """A run's settings from those that are given by the names of the command's options, None being not given.

    given: {"net": "MobileFaceNet", "param_a": 0.9, "data_root": "faces", ...}: names as in `sface train --help`, values
        as the fields of TrainConfig and Resources have them; "data_mode", one of DATA_MODES, which chooses `param_a`,
        `param_b` and `data_root` where these are not given; and "config", the path of another run's config.json, whose
        settings take the place of the defaults.
    checkpoint: the one that the run goes on from, with its settings. Only those may be given then that leave the
        weights alone, and others as they are.

    A teacher and a head's name bring defaults of their own. Paths become absolute. Raises UsageError, CheckpointError
    where the checkpoint's settings are damaged, and what `Teacher` raises.
    """
    given = {name: value for name, value in given.items() if value is not None}
    if unknown := given.keys() - TRAINING.keys() - RESOURCES.keys() - {"data_mode", "config"}:
        raise UsageError(f"there is no setting {min(unknown)}")
    from_defaults = checkpoint is None and "config" not in given
    if from_defaults:
        given.setdefault("data_mode", DEFAULT_MODE)
    config, resources = _begin_with(given, checkpoint)
    _check_teacher(given, config)
    defaults = _defaults(given, config, resuming=checkpoint is not None)
    if "teacher" in given and checkpoint is None:
        from .teacher import Teacher

        teacher = Teacher(given["teacher"], given.get("preprocess"))
        config = dataclasses.replace(config, teacher=teacher.config)
        defaults |= {"embedding_size": teacher.embedding_size, "input_size": teacher.input_size}
        if from_defaults:
            defaults = WITH_TEACHER | defaults
    changed = _put_in(config, resources, defaults | given)
    if checkpoint is not None:
        refuse_changes(config, changed[0])
    return changed


def refuse_changes(before: TrainConfig, after: TrainConfig) -> None:
    """Raise UsageError where a run that goes on would have other settings, which decide its weights, than `before`."""
    for option in TRAINING.values():
        old, new = (_get(config, option.path) for config in (before, after))
        if old != new and option.name not in _MAY_CHANGE:
            raise UsageError(
                f"{option.argument} {new}: the run to resume has {old}",
                remedy="leave it out, or start a new run",
                argument=option.argument,
            )
    # These are no options.
    for name in ("teacher", "momentum", "weight_decay"):
        if getattr(before, name) != getattr(after, name):
            raise UsageError(f"{name}: the run to resume has {getattr(before, name)}", remedy="start a new run")


def _begin_with(given: Mapping[str, Any], checkpoint: "Checkpoint | None") -> Settings:
    """The settings that those given are put into."""
    if checkpoint is not None:
        if given.keys() & {"config", "resume_backbone", "resume_head"}:
            raise UsageError(
                "resume takes settings and weights from the checkpoint",
                remedy="leave out config, resume_backbone and resume_head",
                argument="resume",
            )
        return settings_of(checkpoint)
    if "config" in given:
        return read_settings(given["config"])
    return TrainConfig(), Resources("", num_workers=_loader_processes(with_teacher="teacher" in given))


def _check_teacher(given: Mapping[str, Any], config: TrainConfig) -> None:
    if "teacher" in given or config.teacher is not None:
        for name in _OF_THE_HEAD:
            if name in given:
                raise UsageError(
                    f"{name} with a teacher: it takes the head's place", remedy="leave one of them out", argument=name
                )
    elif "preprocess" in given:
        raise UsageError(
            f"preprocess {given['preprocess']}: is for a teacher", remedy="leave it out", argument="preprocess"
        )


def _defaults(given: Mapping[str, Any], config: TrainConfig, *, resuming: bool) -> dict[str, Any]:
    """What the training set and the head bring with them."""
    defaults: dict[str, Any] = {}
    if name := given.get("data_mode"):
        if name not in DATA_MODES:
            raise UsageError(f"data_mode {name}: must be one of {', '.join(DATA_MODES)}", argument="data_mode")
        mode = DATA_MODES[name]
        defaults = {"param_a": mode.a, "param_b": mode.b, "data_root": mode.root}
    head = given.get("head")
    if not resuming and head in MARGINS and head != config.head.name:
        defaults["margin"] = MARGINS[head]
    return defaults


def _put_in(config: TrainConfig, resources: Resources, values: Mapping[str, Any]) -> Settings:
    """The settings with `values` in place of their own."""
    training, others = config.to_dict(), resources.to_dict()
    for name in TRAINING.keys() & values.keys():
        *outer, last = TRAINING[name].path
        (training[outer[0]] if outer else training)[last] = values[name]
    for name in RESOURCES.keys() & values.keys():
        # The run may be repeated, or go on, from another folder.
        others[name] = str(Path(values[name]).absolute()) if name in PATHS else values[name]
    return TrainConfig.from_dict(training), Resources.from_dict(others)


def _get(config: TrainConfig, path: tuple[str, ...]) -> Any:
    value: Any = config
    for name in path:
        value = getattr(value, name)
    return value


def _loader_processes(*, with_teacher: bool) -> int:
    """One for each core that a training process of this host has. Without a teacher four at most, since they are faster
    than any network."""
    local_ranks = int(os.environ.get("OMPI_COMM_WORLD_LOCAL_SIZE", "1"))
    cores = max(1, (os.cpu_count() or 1) // local_ranks)
    return cores if with_teacher else min(4, cores)

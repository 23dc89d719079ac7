"""A run's settings as they are kept: in its `config.json`, and in each of its checkpoints."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import CheckpointError, UsageError
from ..files import write_text
from .config import Resources, TrainConfig

if TYPE_CHECKING:
    from ..models.weights.checkpoint import Checkpoint


def write_settings(path: str | os.PathLike[str], config: TrainConfig, resources: Resources) -> None:
    """Write a run's settings as JSON; `read_settings` reads them. Raises StorageError."""
    fields = {"training": config.to_dict(), "resources": resources.to_dict()}
    write_text(Path(path), json.dumps(fields, indent=1) + "\n")


def read_settings(path: str | os.PathLike[str]) -> tuple[TrainConfig, Resources]:
    """The settings of a run, from the `config.json` in its folder: `train(*read_settings(...), outdir)` repeats it.

    Raises UsageError where there is no such file, or it can't be understood.
    """
    try:
        return _settings_from(json.loads(Path(path).read_text(encoding="utf-8")))
    except OSError as error:
        raise UsageError(
            f"can't be read ({error.strerror})", path=path, remedy="name the config.json of a run"
        ) from error
    except (ValueError, UsageError) as error:
        raise UsageError(f"not the settings of a run, or damaged ones ({error})", path=path) from None


def settings_of(checkpoint: "Checkpoint") -> tuple[TrainConfig, Resources]:
    """The settings with which a checkpoint's run was done. Raises CheckpointError."""
    try:
        return _settings_from(checkpoint.description)
    except UsageError as error:
        raise CheckpointError(f"its settings are damaged ({error})", path=checkpoint.folder) from None


def _settings_from(fields: Mapping[str, Any]) -> tuple[TrainConfig, Resources]:
    try:
        return TrainConfig.from_dict(fields["training"]), Resources.from_dict(fields["resources"])
    except (KeyError, TypeError) as error:
        raise UsageError(f"settings are missing or of the wrong kind: {error!r}") from None

"""The folder in which models are kept and looked for: what lies there, and which network is the default."""

from pathlib import Path
from typing import Literal

from ... import files
from ...errors import ModelError
from .catalogue import CHOICES, FILES, ZooFile


def folder() -> Path:
    """The folder in which models are kept and looked for: `$SFACE_HOME/models`."""
    return files.home() / "models"


def default_model() -> Path:
    """The recognition network that is used where none is named: `default.onnx`, else that of `get("sface")`.

    Raises ModelError, with the command that brings one, where there is none.
    """
    names = ("default.onnx", *(FILES[name].kept_as for name in CHOICES["sface"]))
    for name in names:
        if (path := folder() / name).is_file():
            return path
    raise ModelError(
        "there is no model here yet",
        path=folder(),
        remedy=(
            f"get OpenCV's SFace network ({FILES[CHOICES['sface'][0]].describe()}) with: sface zoo get sface, "
            "or name an ONNX file with model"
        ),
        argument="model",
    )


def state(file: ZooFile) -> Literal["there", "not there", "other bytes"]:
    """What lies in the folder of models under the file's name.

    "there" is a file with the published sha256; of one that had to be repaired, with the sha256 that it had then.
    """
    path = folder() / file.kept_as
    if not path.is_file():
        return "not there"
    return "there" if (_is_as_repaired(path) if file.repaired_as else is_published(path, file)) else "other bytes"


def is_published(path: Path, file: ZooFile) -> bool:
    """Whether these are the published bytes of `file`."""
    return path.stat().st_size == file.size and files.sha256(path) == file.sha256


def record_repaired(path: Path) -> None:
    """Write down the sha256 of a file that was repaired. Raises StorageError."""
    files.write_text(_record(path), f"{files.sha256(path)}\n")


def _record(path: Path) -> Path:
    return path.with_name(f"{path.name}.sha256")


def _is_as_repaired(path: Path) -> bool:
    try:
        return _record(path).read_text(encoding="utf-8").strip() == files.sha256(path)
    except (OSError, ValueError):
        return False

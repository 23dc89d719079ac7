"""The zoo: published model files of others, and how to get them.

    get            "sface", "yunet" or a file's name → Got: the file, in the folder of models
    files          all files that the zoo knows, as ZooFile
    state          of a file: "there", "not there", "other bytes"
    folder         the folder of models
    default_model  the recognition network that is used where none is named

Importing this package imports nothing else; each name is loaded when it is first used. Only `get` touches the network.
"""

from typing import TYPE_CHECKING

from ...lazy import lazy

if TYPE_CHECKING:
    from .catalogue import ZooFile as ZooFile
    from .catalogue import files as files
    from .model_folder import default_model as default_model
    from .model_folder import folder as folder
    from .model_folder import state as state
    from .retrieval import Got as Got
    from .retrieval import get as get

# public name: the module that holds it
_HOMES = {
    "get": "retrieval",
    "files": "catalogue",
    "state": "model_folder",
    "folder": "model_folder",
    "default_model": "model_folder",
    "Got": "retrieval",
    "ZooFile": "catalogue",
}

__all__ = ["get", "files", "state", "folder", "default_model", "Got", "ZooFile"]

__getattr__ = lazy(__name__, _HOMES)


def __dir__() -> list[str]:
    return sorted(__all__)

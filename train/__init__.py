"""Training: from an image set and a configuration to checkpoints.

    train                 a whole run from its configuration, or on from its last checkpoint
    train_with_options    the same, from the options of `sface train` by their names
    TrainConfig           what decides the weights; in it HeadConfig, AugmentConfig, TeacherConfig
    Resources             images, first weights, devices and processes
    settings_for          options by their names → TrainConfig and Resources
    read_settings         the settings of another run, from its config.json; write_settings writes them
    TrainResult           how a run ended
    Measurement           the figures of some steps

Importing this package makes a plain `import jittor` work offline (see sface/runtime/jittor_setup.py); it does not
import Jittor.
"""

from typing import TYPE_CHECKING

from ..lazy import lazy
from ..runtime import jittor_setup

if TYPE_CHECKING:
    from .config import AugmentConfig as AugmentConfig
    from .config import HeadConfig as HeadConfig
    from .config import Resources as Resources
    from .config import TeacherConfig as TeacherConfig
    from .config import TrainConfig as TrainConfig
    from .loop import TrainResult as TrainResult
    from .reporting.run_progress import Measurement as Measurement
    from .run_settings import settings_for as settings_for
    from .settings_file import read_settings as read_settings
    from .settings_file import write_settings as write_settings
    from .training_run import train as train
    from .training_run import train_with_options as train_with_options

jittor_setup.prepare()

_HOMES = {
    "train": "training_run",
    "train_with_options": "training_run",
    "TrainConfig": "config",
    "HeadConfig": "config",
    "AugmentConfig": "config",
    "TeacherConfig": "config",
    "Resources": "config",
    "settings_for": "run_settings",
    "read_settings": "settings_file",
    "write_settings": "settings_file",
    "TrainResult": "loop",
    "Measurement": "reporting.run_progress",
}

__all__ = [
    "train",
    "train_with_options",
    "TrainConfig",
    "HeadConfig",
    "AugmentConfig",
    "TeacherConfig",
    "Resources",
    "settings_for",
    "read_settings",
    "write_settings",
    "TrainResult",
    "Measurement",
]

__getattr__ = lazy(__name__, _HOMES)

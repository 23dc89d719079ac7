"""Every error that sface raises on purpose, as one tree, with the exit code that a command ends with.

SFaceError                     6  anything that has no place below
├── UsageError                 2  the call is wrong: an option, an argument, a folder that is in use
├── ImageError                 3  a picture that can't be read: missing, empty, truncated, not a picture, too large
├── NoFaceError                4  a picture in which no face was found
├── SeveralFacesError          4  a picture with several faces, where just one was asked for
├── ModelError                 5  a model or checkpoint that is missing, damaged or of another kind
│   ├── CheckpointError        5  a checkpoint folder that can't be used
│   ├── PreprocessError        5  a model file that doesn't say which input it wants
│   ├── DownloadError          5  a published model file that no source gave
│   └── ParityError            5  an exported file that doesn't compute what was trained
├── DataError                  6  a set of images, pairs or records that can't be used
├── DivergedError              6  a training whose loss is no longer a number
├── DependencyError            6  a package that this command needs is not installed, or two of them clash
└── StorageError               6  a file that could not be written; nothing half-written is left
"""


class SFaceError(Exception):
    """Root of all errors raised on purpose. The message is one line that names the file and the remedy."""

    code = "error"
    exit_code = 6


class UsageError(SFaceError):
    """The call is wrong: an option, an argument, a folder that is in use."""

    code = "usage"
    exit_code = 2


class ImageError(SFaceError):
    """A picture that can't be read."""

    code = "bad_image"
    exit_code = 3


class NoFaceError(SFaceError):
    """A picture in which no face was found. Never a match, never a mismatch."""

    code = "no_face"
    exit_code = 4


class SeveralFacesError(SFaceError):
    """A picture with several faces, where just one was asked for."""

    code = "several_faces"
    exit_code = 4


class ModelError(SFaceError):
    """A model or checkpoint that is missing, damaged or of another kind."""

    code = "model"
    exit_code = 5


class CheckpointError(ModelError):
    """A checkpoint folder that can't be used."""

    code = "checkpoint"


class PreprocessError(ModelError):
    """A model file that doesn't say which input it wants."""

    code = "preprocess"


class DownloadError(ModelError):
    """A published model file that no source gave, or that must not be downloaded."""

    code = "download"


class ParityError(ModelError):
    """An exported file that doesn't compute what was trained."""

    code = "parity"


class DataError(SFaceError):
    """A set of images, pairs or records that can't be used."""

    code = "data"


class DivergedError(SFaceError):
    """A training whose loss is no longer a number. What was saved before is whole."""

    code = "diverged"


class DependencyError(SFaceError):
    """A package that this command needs is not installed, or two packages clash."""

    code = "dependency"


class StorageError(SFaceError):
    """A file that could not be written; nothing half-written is left."""

    code = "storage"

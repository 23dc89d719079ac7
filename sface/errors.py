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

import os


class SFaceError(Exception):
    """Root of all errors raised on purpose. As text it is one line: `PATH: REASON; REMEDY`.

    reason    what is wrong
    path      the file or folder that it is about, with the place in it where that helps ("imgs.txt: line 3"); or None
    remedy    what to do about it; or None
    argument  the name of the argument that is wrong, or that helps ("detector"); or None. The command line adds its
              option to the text

    Of each class: `code`, the error's name for programs ("no_face"); `exit_code`, a command's.
    """

    code = "error"
    exit_code = 6

    def __init__(
        self,
        reason: str = "",
        *,
        path: str | os.PathLike[str] | None = None,
        remedy: str | None = None,
        argument: str | None = None,
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.path = None if path is None else os.fspath(path)
        self.remedy = remedy
        self.argument = argument

    def __str__(self) -> str:
        return self.explanation if self.path is None else f"{self.path}: {self.explanation}"

    @property
    def explanation(self) -> str:
        """Reason and remedy, without the path: for those who name the path themselves."""
        return self.reason if self.remedy is None else f"{self.reason}; {self.remedy}"


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

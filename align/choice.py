"""Which of a photo's faces are taken: argument `faces`. Imports nothing, for options that name it."""

from typing import Literal, get_args

FaceChoice = Literal["best", "largest", "center", "all", "error"]
FACE_CHOICES: tuple[str, ...] = get_args(FaceChoice)

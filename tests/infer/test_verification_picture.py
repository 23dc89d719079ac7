"""A verification as a picture, from Python; the command's tests look at the pixels."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sface import load_image
from sface.errors import UsageError
from sface.infer import FaceVerifier, write_picture

from ..tiny_models import raw_metadata, write_model


def test_a_picture_of_a_verification(tmp_path: Path, drawn_photos: list[Path]) -> None:
    model = write_model(tmp_path / "tiny.onnx", metadata=raw_metadata())
    images = load_image(drawn_photos[0]), load_image(drawn_photos[1])
    verification = FaceVerifier(model, detector="mtcnn").verify(*images)
    write_picture(str(tmp_path / "out.PNG"), verification, images)
    picture = np.asarray(Image.open(tmp_path / "out.PNG"))
    assert picture.shape[1] >= 2 * 480 and (picture == (255, 210, 0)).all(axis=2).sum() > 1000
    with pytest.raises(UsageError, match=r"out\.xyz: can't be written as a picture"):
        write_picture(tmp_path / "out.xyz", verification, images)
    bgr = images[0][:, :, ::-1], images[1][:, :, ::-1]
    write_picture(tmp_path / "bgr.png", verification, bgr, color="bgr")
    assert np.array_equal(np.asarray(Image.open(tmp_path / "bgr.png")), picture)

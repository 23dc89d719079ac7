"""Reading the faces of a photo: what is known of each, colours, and what errors say."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from sface.align import TEMPLATE, align_face, find_faces, load_detector, load_image, measure_quality
from sface.align.photo_faces import PhotoReader
from sface.errors import ImageError, NoFaceError, SeveralFacesError, SFaceError, UsageError
from sface.output import with_option


@pytest.fixture(scope="module")
def reader() -> PhotoReader:
    return PhotoReader(load_detector("mtcnn"), "best", 112)


def test_what_is_known_of_a_face(reader: PhotoReader, drawn_photos: list[Path]) -> None:
    image = load_image(drawn_photos[0])
    (expected,), found = find_faces(image, load_detector("mtcnn"))
    photo = reader.read(str(drawn_photos[0]))
    (face,) = photo.faces
    assert (face.photo, face.box, face.score, face.found) == (
        str(drawn_photos[0]),
        expected.box,
        expected.score,
        found,
    )
    assert face.landmarks.dtype == np.float32
    np.testing.assert_array_equal(face.landmarks, expected.landmarks)
    np.testing.assert_array_equal(photo.crops[0], align_face(image, expected.landmarks))
    assert face.quality == measure_quality(photo.crops[0], expected.landmarks)
    assert set(photo.timings) == {"read", "detect", "align"}


def test_landmarks_are_read_only(reader: PhotoReader, drawn_photos: list[Path]) -> None:
    aligned = PhotoReader(None, "best", 112)
    for face in (*reader.read(drawn_photos[0]).faces, *aligned.read(np.zeros((112, 112, 3), np.uint8)).faces):
        with pytest.raises(ValueError, match="read-only"):
            face.landmarks[0] = 0


def test_a_face_as_json(reader: PhotoReader, drawn_photos: list[Path]) -> None:
    (face,) = reader.read(drawn_photos[0]).faces
    fields: dict[str, Any] = json.loads(json.dumps(face.to_dict()))
    assert list(fields) == ["photo", "box", "landmarks", "score", "found", "quality"]
    assert fields["box"] == list(face.box)
    assert fields["landmarks"] == [[float(x), float(y)] for x, y in face.landmarks]
    assert fields["quality"] == asdict(face.quality)


def test_bgr_arrays_give_what_the_file_gives(reader: PhotoReader, drawn_photos: list[Path]) -> None:
    expected = reader.read(drawn_photos[0])
    read = reader.read(cv2.imread(str(drawn_photos[0])), color="bgr")
    np.testing.assert_array_equal(read.crops, expected.crops)
    assert read.faces[0].photo == "photo"
    swapped = reader.read(cv2.imread(str(drawn_photos[0])))
    assert not np.array_equal(swapped.crops, expected.crops)
    with pytest.raises(UsageError, match="color 'BGR': must be 'rgb' or 'bgr'"):
        reader.read(drawn_photos[0], color="BGR")  # type: ignore[arg-type]


def test_aligned_crops_are_taken_as_they_are() -> None:
    crop = np.random.default_rng(1).integers(0, 256, (96, 96, 3), dtype=np.uint8)
    aligned = PhotoReader(None, "best", 96)
    (face,) = (photo := aligned.read(crop, "a crop")).faces
    np.testing.assert_array_equal(photo.crops, crop[None])
    assert not np.shares_memory(photo.crops, crop)
    np.testing.assert_array_equal(aligned.read(crop[:, :, ::-1], color="bgr").crops, crop[None])
    assert (face.photo, face.box, face.score, face.found) == ("a crop", (0, 0, 96, 96), 1, 1)
    np.testing.assert_allclose(face.landmarks, TEMPLATE * (96 / 112), rtol=1e-6)


def told(error: SFaceError) -> tuple[str, str]:
    """What an error says in Python and at a command line."""
    return str(error), with_option(error, {})


def test_errors_name_the_photo_and_the_argument_that_helps(drawn_photos: list[Path], tmp_path: Path) -> None:
    Image.new("RGB", (200, 200), "grey").save(tmp_path / "wall.png")
    with pytest.raises(NoFaceError) as no_face:
        PhotoReader(load_detector("mtcnn"), "best", 112).read(tmp_path / "wall.png")
    text = f"{tmp_path}/wall.png: mtcnn found no face; use a photo with a larger, upright face, or another "
    assert told(no_face.value) == (f"{text}detector", f"{text}--detector")
    two = np.concatenate([load_image(path) for path in drawn_photos[:2]], axis=1)
    with pytest.raises(SeveralFacesError) as several:
        PhotoReader(load_detector("mtcnn"), "error", 112).read(two, "two.png")
    text = "two.png: 2 faces were found; cut the photo to one, or choose with "
    assert told(several.value) == (f"{text}faces", f"{text}--faces")
    with pytest.raises(ImageError) as no_crop:
        PhotoReader(None, "best", 112).read(np.zeros((200, 100, 3), np.uint8))
    text = "photo: 100x200 pixels, not a crop of 112x112; for photos leave out "
    assert told(no_crop.value) == (f"{text}aligned", f"{text}--aligned")

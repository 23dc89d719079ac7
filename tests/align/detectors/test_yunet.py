"""YuNet: the same as OpenCV's detector, how exact it is on marked photos, files with a fixed input size."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest

from sface.align.detectors.find import find_faces
from sface.align.detectors.yunet import MIN_SCORE, YuNet
from sface.errors import ModelError

from ..marked_photos import cut_tight, errors, lfw, london, point_error


@pytest.fixture(scope="module")
def path(shared: Path) -> Path:
    return shared / "models" / "face_detection_yunet_2026may.onnx"


@pytest.fixture(scope="module")
def detector(path: Path) -> YuNet:
    return YuNet(path, threads=1)


def scene(shared: Path, height: int) -> np.ndarray:
    """Twelve people side by side, (height, 640, 3): faces of about 60 pixels."""
    photos = [cv2.resize(image, (160, 160), interpolation=cv2.INTER_AREA) for image, _, _ in lfw(shared, 33)]
    rows = [np.concatenate(photos[i : i + 4], axis=1) for i in (0, 4, 8)]
    return np.concatenate(rows)[:height]


@pytest.mark.parametrize("height", [480, 400])  # 400: filled up to 416
def test_equals_opencvs_detector(detector: YuNet, path: Path, shared: Path, height: int) -> None:
    pictures = [scene(shared, height)]
    for image, _, _ in lfw(shared, 100):  # alone and enlarged: faces of about 200 pixels
        pictures.append(np.zeros((640, 640, 3), np.uint8))
        pictures[-1][50:500, 100:550] = cv2.resize(image, (450, 450))
    for picture in pictures:
        size = picture.shape[1], picture.shape[0]
        opencv = cv2.FaceDetectorYN.create(str(path), "", size, MIN_SCORE, 0.3)
        _, expected = opencv.detect(cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
        faces = detector._search(picture, 1.0)
        assert len(faces) == len(expected) >= 1
        for face, (left, top, width, height_, *points, score) in zip(faces, expected.tolist(), strict=True):
            assert face.box == pytest.approx((left, top, left + width, top + height_), abs=0.5)
            np.testing.assert_allclose(face.landmarks, np.reshape(points, (5, 2)), atol=0.5)
            assert face.score == pytest.approx(score, abs=1e-3)


def test_error_on_marked_photos(detector: YuNet, shared: Path) -> None:
    """All 392: 0.035."""
    assert np.mean(errors(detector, shared, every=10)) <= 0.04


def test_error_on_large_photos(detector: YuNet, shared: Path) -> None:
    """All 12: 0.016."""
    values = []
    for image, pupils in london(shared, 4):
        (face,), _ = find_faces(image, detector)
        values.append(point_error(face.landmarks[:2], pupils))
    assert np.mean(values) <= 0.026


@pytest.mark.parametrize(("sides", "most"), [(0.7, 0.12), (1.0, 0.05), (1.3, 0.04)])
def test_faces_that_fill_the_photo(detector: YuNet, shared: Path, sides: float, most: float) -> None:
    values = []
    for image, box, points in lfw(shared, 20):
        cut, corner = cut_tight(image, box, sides)
        (face,), _ = find_faces(cut, detector)
        values.append(point_error(face.landmarks + corner, points))
    assert np.mean(values) <= most


@pytest.mark.parametrize("shape", [(1, 1), (5, 3), (1, 3000), (300, 300), (1500, 1300)])
def test_pictures_without_a_face(detector: YuNet, shape: tuple[int, int]) -> None:
    assert detector.detect(np.full((*shape, 3), 90, np.uint8)) == []


def test_threads_may_share_it(detector: YuNet, shared: Path) -> None:
    images = [image for image, _, _ in lfw(shared, 40)]
    alone = [detector.detect(image)[0].landmarks for image in images]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda image: detector.detect(image)[0].landmarks, images))
    np.testing.assert_array_equal(np.stack(alone), np.stack(together))


def test_a_file_with_a_fixed_input_size(detector: YuNet, path: Path, shared: Path, tmp_path: Path) -> None:
    """The files of 2023 take 640x640 only."""
    onnx = pytest.importorskip("onnx")
    model = onnx.load(path)
    for dimension in model.graph.input[0].type.tensor_type.shape.dim[2:]:
        dimension.dim_value = 640
    onnx.save(model, tmp_path / "fixed.onnx")
    fixed = YuNet(tmp_path / "fixed.onnx", threads=1)
    wide, tall = scene(shared, 320), np.concatenate([image for image, _, _ in lfw(shared, 150)])
    # A square photo is the same picture to both; beside the others lies more black, which moves the points a little.
    for picture, tolerance in ((tall[:250], 1), (tall, 8), (wide, 8)):
        free, same = detector.detect(picture), fixed.detect(picture)
        assert free
        for one in free[: max(1, len(picture) // 250)]:
            gaps = [float(np.abs(other.landmarks - one.landmarks).max()) for other in same]
            assert min(gaps) <= tolerance


def test_a_file_that_onnxruntime_opens_but_does_not_run(shared: Path) -> None:
    with pytest.raises(ModelError, match=r"int8bq\.onnx: onnxruntime can't run this file") as caught:
        YuNet(shared / "models" / "face_detection_yunet_2023mar_int8bq.onnx")
    assert "\n" not in str(caught.value)


def test_a_large_search_gives_its_memory_back(path: Path) -> None:
    """It takes about 70 MB; in a process of its own, where nothing else has freed any."""
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "import numpy as np\n"
        "from sface.align.detectors.yunet import YuNet\n"
        "def resident(): return int(Path('/proc/self/statm').read_text().split()[1]) * 4096\n"
        "detector = YuNet(sys.argv[1], threads=1)\n"
        "photo = np.full((1080, 1920, 3), 90, np.uint8)\n"
        "detector.detect(photo, 250)\n"
        "before = resident()\n"
        "detector.detect(photo)\n"
        "assert resident() - before < 30e6, resident() - before"
    )
    subprocess.run([sys.executable, "-c", code, str(path)], check=True)

"""`sface eval` on real faces against a second computation that shares no code with it: LFW's pairs through OpenCV's
SFace network and through one that was trained here."""

import pickle
import pickletools
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray

from ..people_photos import told
from ..tiny_models import write_published_sface


def read_set(path: Path) -> tuple[list[bytes], list[bool]]:
    """The pictures and the labels of a .bin, from the pickle's instructions, none of which is carried out."""
    pictures, same = [], []
    with path.open("rb") as file:
        for opcode, argument, _ in pickletools.genops(file):
            if opcode.name == "BINSTRING":  # as Python 2 wrote bytes
                pictures.append(str(argument).encode("latin-1"))
            elif opcode.name == "BINBYTES":
                pictures.append(bytes(argument))  # type: ignore[arg-type]
            elif opcode.name in ("NEWTRUE", "NEWFALSE"):
                same.append(opcode.name == "NEWTRUE")
    assert len(pictures) == 2 * len(same)
    return pictures, same


def computed(model: Path, path: Path) -> dict[str, float]:
    """The protocol written down anew, one picture after the other, one pair after the other."""
    session = onnxruntime.InferenceSession(model)
    name = session.get_inputs()[0].name
    pictures, same = read_set(path)
    known: dict[bytes, list[NDArray[np.float64]]] = {}  # a picture can be in several pairs
    for picture in pictures:
        if picture not in known:
            image = cv2.cvtColor(cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
            views = (image, image[:, ::-1])
            known[picture] = [session.run(None, {name: as_input(view)})[0][0].astype(np.float64) for view in views]
    lengths = [np.linalg.norm(one) for picture in pictures for one in known[picture]]
    sums = [first + second for first, second in (known[picture] for picture in pictures)]
    vectors = [total / np.linalg.norm(total) for total in sums]

    distances = np.array([((a - b) ** 2).sum() for a, b in zip(vectors[::2], vectors[1::2], strict=True)])
    labels = np.array(same)
    thresholds = np.arange(0, 4, 0.01)
    folds, chosen = [], []
    for test in np.array_split(np.arange(len(labels)), 10):
        train = np.setdiff1d(np.arange(len(labels)), test)
        right = [np.mean((distances[train] < threshold) == labels[train]) for threshold in thresholds]
        chosen.append(thresholds[int(np.argmax(right))])
        folds.append(np.mean((distances[test] < chosen[-1]) == labels[test]))
    nearer = [np.mean(distance < distances[~labels]) for distance in distances[labels]]
    return {
        "accuracy": float(np.mean(folds)),
        "accuracy_std": float(np.std(folds)),
        "accuracy_threshold": float(np.mean(chosen)),
        "auc": float(np.mean(nearer)),
        "xnorm": float(np.mean(lengths)),
        "fnmr_at_fmr_0.1": float(np.mean(distances[labels] >= np.sort(distances[~labels])[(~labels).sum() // 10])),
    }


def as_input(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    return np.ascontiguousarray(image.transpose(2, 0, 1)[None], dtype=np.float32)


@pytest.fixture(scope="module", params=[60, pytest.param(1, marks=pytest.mark.hours)], ids=["some pairs", "all pairs"])
def lfw(request: pytest.FixtureRequest, shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """lfw.bin, or every 60th of its pairs, which are 50 of one person and 50 of two."""
    path = shared / "faces_celeba293_112x112" / "lfw.bin"
    if request.param == 1:
        return path
    pictures, same = read_set(path)
    some = range(0, len(same), request.param)
    kept = [picture for pair in some for picture in pictures[2 * pair : 2 * pair + 2]]
    cut = tmp_path_factory.mktemp("some") / "lfw.bin"
    cut.write_bytes(pickle.dumps((kept, [same[pair] for pair in some])))
    return cut


def agrees(model: Path, lfw: Path, capsys: pytest.CaptureFixture[str], *options: str) -> dict[str, Any]:
    """The figures that `sface eval` told, after each of them was found to be that of the second computation."""
    code, fields = told(["eval", model, "--data", lfw.parent, "--target", "lfw", *options], capsys)
    assert code == 0, fields
    target: dict[str, Any] = fields["targets"]["lfw"]
    [point] = [point for point in target["points"] if point["fmr_asked"] == 0.1]
    told_figures = {**target, "fnmr_at_fmr_0.1": point["fnmr"]["value"]}
    for name, value in computed(model, lfw).items():
        assert told_figures[name] == pytest.approx(value, abs=1e-6, rel=1e-6), name
    return target


@pytest.mark.slow
def test_opencvs_network(lfw: Path, shared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Published: 99.40 %. Of 100 pairs one may be wrong."""
    model = write_published_sface(shared, tmp_path / "sface.onnx")
    target = agrees(model, lfw, capsys, "--preprocess", "raw")
    assert target["accuracy"] >= (0.992 if target["accuracy_pairs"] == 6000 else 0.99)


def test_a_network_trained_here(model_file: Path, lfw: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A few steps, on drawn faces: that is better than chance, and far from good."""
    assert 0.5 < agrees(model_file, lfw, capsys)["accuracy"] < 0.9

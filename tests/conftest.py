"""What every test may use: real faces where they are, drawn faces, a network trained on them, its exported file."""

import re
import signal
from pathlib import Path

import numpy as np
import pytest

from sface.runtime import jittor_setup

from .paths import SHARED

# A test may then import Jittor itself, in any order.
jittor_setup.prepare()

# A shell that runs this in its background has it ignore Ctrl-C, and so would the commands that tests interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)

PEOPLE, PHOTOS = 6, 8

# Marks of tests that run only where `-m` names them: they need what is not everywhere, or too much time.
ON_DEMAND = ("network", "gpu", "browser", "hours")


# Fixtures that train, or export what was trained.
WITH_JITTOR = {"run_folder", "model_file", "plain"}


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Without the tests that need Jittor their files aren't imported either: its first import compiles for minutes."""
    if collection_path.suffix != ".py" or "not jittor" not in config.getoption("markexpr"):
        return None
    marked = re.search(
        r"^pytestmark = .*pytest\.mark\.jittor", collection_path.read_text(encoding="utf-8"), re.MULTILINE
    )
    return True if marked else None


@pytest.hookimpl(tryfirst=True)  # before the marks are looked at
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark the tests whose fixtures need Jittor; skip those with a mark of ON_DEMAND that `-m` doesn't name."""
    asked_for = re.findall(r"\w+", config.getoption("markexpr"))
    for item in items:
        if WITH_JITTOR & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.jittor)
        for mark in ON_DEMAND:
            if item.get_closest_marker(mark) and mark not in asked_for:
                item.add_marker(pytest.mark.skip(reason=f"runs with -m {mark}"))


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real faces and real models that lies beside the project where it is developed."""
    if not SHARED.is_dir():
        pytest.skip(f"the folder of real faces is not beside the project ({SHARED})")
    return SHARED


@pytest.fixture(scope="session")
def drawn_photos(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """One drawn picture each of four people, the last twice: five files."""
    from PIL import Image

    from sface.datasets.synthetic.faces import draw_face

    folder = tmp_path_factory.mktemp("photos")
    paths = []
    for person, photo in ((0, 0), (1, 0), (2, 0), (3, 0), (3, 1)):
        paths.append(folder / f"{person}-{photo}.png")
        Image.fromarray(draw_face(7, person, photo).image).save(paths[-1])
    return paths


@pytest.fixture(scope="session")
def drawn_set(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small training set of drawn crops in the imgs.txt layout."""
    from PIL import Image

    from sface.align.crop import align_face
    from sface.datasets.synthetic.faces import draw_face

    folder = tmp_path_factory.mktemp("drawn") / "six_people"
    folder.mkdir()
    lines = []
    for person in range(PEOPLE):
        for photo in range(PHOTOS):
            drawn = draw_face(5, person, photo)
            crop = align_face(np.asarray(drawn.image), np.asarray(drawn.landmarks, dtype=np.float32))
            Image.fromarray(crop).save(folder / f"{person}-{photo}.png")
            lines.append(f"{person}-{photo}.png\t{person}\n")
    (folder / "imgs.txt").write_text("".join(lines))
    (folder / "property").write_text(f"{PEOPLE},112,112\n")
    return folder


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory: pytest.TempPathFactory, drawn_set: Path) -> Path:
    """The folder of a short training run: 12 steps, saved at 6 and 12."""
    from sface.models.network_config import NetworkConfig
    from sface.train import Resources, TrainConfig, train

    outdir = tmp_path_factory.mktemp("run") / "out"
    config = TrainConfig(
        network=NetworkConfig("MobileFaceNet", embedding_size=64), batch_size=16, max_steps=12, save_every=6, lr=0.02
    )
    train(config, Resources(drawn_set), outdir)
    return outdir


@pytest.fixture(scope="session")
def model_file(tmp_path_factory: pytest.TempPathFactory, run_folder: Path) -> Path:
    """That run's network as an ONNX file. Copy it before changing it."""
    from sface.export import export

    path = tmp_path_factory.mktemp("model") / "model.onnx"
    export(run_folder, path)
    return path

"""A network that learns another's embeddings: the loss, what the loader gives, and runs of the command."""

import pickle
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import jittor as jt
import numpy as np
import pytest
from safetensors.numpy import load_file

from sface.cli.dispatch import main
from sface.datasets.image_sets import open_image_set
from sface.errors import DataError, ModelError, SFaceError
from sface.infer import FaceEmbedder
from sface.models.network_config import NetworkConfig
from sface.train import AugmentConfig, Resources, TrainConfig, read_settings, write_settings
from sface.train.heads.teacher_head import RELATIONS, SCALE, TeacherHead
from sface.train.loading.loader import Loader
from sface.train.reporting.run_log import read_log
from sface.train.teacher import Teacher
from tests.paths import REPOSITORY
from tests.tiny_models import DIMENSION, raw_metadata, write_model

from .heads.head_reference import Array, close, through_unit, unit
from .runs import mpi_environment, mpirun

pytestmark = pytest.mark.jittor

# `sface.models` first: it prepares Jittor's import.
PROGRAM = "import sface.models, sys; from tests.train.test_teacher import one_rank; one_rank(sys.argv[1])"
SHORT = ["--net", "MobileFaceNet", "--batch_size", "8", "--lr", "0.05"]


@pytest.fixture(scope="module")
def teacher_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("teacher") / "teacher.onnx", metadata=raw_metadata(), seed=4)


@pytest.fixture(scope="module")
def loose(tmp_path_factory: pytest.TempPathFactory, drawn_set: Path) -> Path:
    """The drawn crops as pictures of nobody, some of them in a folder."""
    root = tmp_path_factory.mktemp("loose") / "crops"
    (root / "more").mkdir(parents=True)
    for number, picture in enumerate(sorted(drawn_set.glob("*.png"))):
        shutil.copy(picture, (root if number < 30 else root / "more") / picture.name)
    return root


def batch(seed: int, count: int = 8, size: int = 16) -> tuple[Array, Array]:
    """Embeddings of any length, and a teacher's of length 1."""
    generator = np.random.default_rng(seed)
    x = generator.standard_normal((count, size)).astype(np.float32) * 20
    towards = x / 20 + generator.standard_normal((count, size))
    return x, (towards / np.linalg.norm(towards, axis=1, keepdims=True)).astype(np.float32)


def reference(x: Array, t: Array) -> tuple[dict[str, float], Array]:
    """The figures and the gradient of x, float64, sample by sample."""
    s, length = unit(x)
    t = t.astype(np.float64)
    count = len(x)
    cosine = sum(1 - float(s[i] @ t[i]) for i in range(count)) / count
    apart: Array = s @ s.T - t @ t.T
    relations = float((apart**2).sum()) / count**2
    gradient = SCALE * (-t / count + RELATIONS * 4 * apart @ s / count**2)
    others = [float(s[i] @ t[j]) for i in range(count) for j in range(count) if i != j]
    figures = {
        "loss": SCALE * (cosine + RELATIONS * relations),
        "intra": SCALE * cosine,
        "inter": SCALE * RELATIONS * relations,
        "cos_genuine": 1 - cosine,
        "cos_impostor": float(np.mean(others)),
        "top1": float(np.mean([np.argmax(t @ s[i]) == i for i in range(count)])),
    }
    return figures, through_unit(gradient, s, length)


def test_the_loss_and_its_gradient() -> None:
    x, t = batch(1)
    embedding: Any = jt.array(x)
    output = TeacherHead()(embedding, jt.array(t))
    figures, gradient = reference(x, t)
    close(jt.grad(output.loss, embedding).numpy(), gradient)
    for name, value in figures.items():
        assert getattr(output, name).item() == pytest.approx(value, rel=1e-4, abs=1e-5), name
    assert 0 < figures["top1"] <= 1


def test_the_teachers_own_embeddings_cost_nothing() -> None:
    _, t = batch(2)
    output = TeacherHead()(jt.array(t * 7), jt.array(t))
    assert output.loss.item() == pytest.approx(0, abs=1e-3)
    assert output.cos_genuine.item() == pytest.approx(1)
    assert output.top1.item() == 1


def one_rank(folder: str) -> None:
    """This rank's half of a batch: what the head gives for it, and the gradient."""
    x, t = batch(1)
    half = slice(jt.rank * 4, jt.rank * 4 + 4)
    embedding: Any = jt.array(x[half])
    output = TeacherHead()(embedding, jt.array(t[half]))
    gradient = jt.grad(output.loss, embedding)
    np.savez(Path(folder) / f"{jt.rank}.npz", loss=output.loss.numpy(), gradient=gradient.numpy())


def test_two_ranks_have_one_loss(tmp_path: Path) -> None:
    """Relations between crops of different ranks are part of it."""
    program = Path(sys.executable).parent / "mpirun"
    subprocess.run(
        [program, "--oversubscribe", "-np", "2", sys.executable, "-c", PROGRAM, tmp_path],
        check=True,
        env=mpi_environment(),
        cwd=REPOSITORY,
        timeout=300,
    )
    figures, gradient = reference(*batch(1))
    parts = [np.load(tmp_path / f"{rank}.npz") for rank in (0, 1)]
    for part in parts:
        assert part["loss"].item() == pytest.approx(figures["loss"], rel=1e-4)
    # The gradients of parameters are averaged over the two ranks.
    close(np.concatenate([part["gradient"] for part in parts]) / 2, gradient)


def test_a_teacher_goes_to_another_process(teacher_file: Path, tmp_path: Path) -> None:
    crops = np.random.default_rng(0).integers(0, 256, (5, 112, 112, 3)).astype(np.uint8)
    file = shutil.copy(teacher_file, tmp_path / "teacher.onnx")
    teacher = Teacher(Path(file))
    expected = FaceEmbedder(teacher_file).embed(crops).unit
    assert np.abs(teacher.embed(crops) - expected).max() < 1e-6
    assert (teacher.embedding_size, teacher.input_size, teacher.name) == (DIMENSION, 112, "teacher.onnx")
    sent = pickle.dumps(teacher)
    assert len(sent) < 1000
    assert np.array_equal(pickle.loads(sent).embed(crops), teacher.embed(crops))
    write_model(tmp_path / "teacher.onnx", metadata=raw_metadata(), seed=5)
    with pytest.raises(ModelError, match="was exchanged"):
        pickle.loads(sent).embed(crops)


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_targets_are_what_the_teacher_says_of_the_changed_crops(workers: int, teacher_file: Path, loose: Path) -> None:
    images = open_image_set(loose, labelled=False)
    augment = AugmentConfig(crop=0.3, lowres=0.3, color=0.5, move=0.5, grey=0.3, blend=0.5)
    teacher = Teacher(teacher_file)
    judge = FaceEmbedder(teacher_file)
    with Loader(images, batch_size=12, seed=3, workers=workers, augment=augment, teacher=teacher) as loader:
        seen = [(batch.images.copy(), batch.targets.copy()) for batch in loader.batches(0, 6)]
    for pictures, targets in seen:
        assert targets.dtype == np.float32
        assert np.abs(targets - judge.embed(pictures).unit).max() < 1e-6
    with Loader(images, batch_size=12, seed=3, augment=augment, teacher=teacher) as loader:
        alone = [(batch.images.copy(), batch.targets.copy()) for batch in loader.batches(0, 6)]
    assert all(
        np.array_equal(one[0], other[0]) and np.array_equal(one[1], other[1])
        for one, other in zip(seen, alone, strict=True)
    )


def test_blends_are_means_of_two_crops_of_the_set(teacher_file: Path, loose: Path) -> None:
    images = open_image_set(loose, labelled=False)
    crops = np.stack([images.image(index) for index in range(len(images))]).astype(np.float64)
    both = np.concatenate([crops, crops[:, :, ::-1]]).reshape(2 * len(crops), -1)

    def share_of_blends(probability: float) -> float:
        augment = AugmentConfig(blend=probability)
        loader = Loader(images, batch_size=48, seed=3, augment=augment, teacher=Teacher(teacher_file))
        pictures = np.concatenate([batch.images.copy() for batch in loader.batches(0, 2)]).reshape(96, -1)
        blends = 0
        for picture in pictures.astype(np.float64):
            if not (np.abs(both - picture).max(axis=1) == 0).any():
                blends += 1
                if blends == 1:
                    assert _is_mean_of_two(picture, both)
        return blends / 96

    assert share_of_blends(0) == 0
    assert 0.3 < share_of_blends(0.5) < 0.7
    assert share_of_blends(1) > 0.85  # but for shares near 0 and 1, and a crop with itself


def _is_mean_of_two(picture: Array, crops: Array) -> bool:
    half = len(crops) // 2
    for rows in (crops[:half], crops[half:]):  # both are mirrored, or none is
        for i in range(half):
            towards = rows - rows[i]
            share = (towards * (picture - rows[i])).sum(1) / np.maximum((towards**2).sum(1), 1)
            if (np.abs(rows[i] + share[:, None] * towards - picture).max(axis=1) <= 1).any():
                return True
    return False


def told(outdir: Path) -> list[float]:
    return [record["cos_genuine"] for record in read_log(outdir) if "cos_genuine" in record]


def test_a_network_learns_from_crops_of_nobody_and_goes_on(teacher_file: Path, loose: Path, tmp_path: Path) -> None:
    call = ["train", "--teacher", str(teacher_file), "--data_root", str(loose), *SHORT, "--epochs", "10"]
    assert main([*call, "--outdir", str(tmp_path / "whole"), "--num_workers", "2"]) == 0
    cosines = told(tmp_path / "whole")
    assert cosines[-1] > cosines[0] + 0.2
    config, resources = read_settings(tmp_path / "whole" / "config.json")
    assert config.teacher is not None and config.teacher.name == "teacher.onnx"
    assert config.network.embedding_size == DIMENSION
    assert resources.teacher == str(teacher_file)
    assert (config.schedule, config.augment.blend) == ("cosine", 0.3)

    half = [*call, "--outdir", str(tmp_path / "halves"), "--num_workers", "0"]
    assert main([*half, "--max_steps", "25"]) == 0
    assert main(["train", "--outdir", str(tmp_path / "halves"), "--resume", "--max_steps", "1000"]) == 0
    (last,) = (tmp_path / "whole").glob("step-*")
    other = tmp_path / "halves" / last.name
    for name in ("model.safetensors", "momentum.safetensors"):
        assert (last / name).read_bytes() == (other / name).read_bytes()
    assert not list(last.glob("head-*"))

    out = tmp_path / "student.onnx"
    assert main(["export", str(tmp_path / "whole"), "-o", str(out)]) == 0
    embedder = FaceEmbedder(out)
    assert embedder.metadata.loss.startswith("distilled from teacher.onnx (sha256 ")
    assert embedder.metadata.training_set == "crops"


def test_folders_of_crops(loose: Path, tmp_path: Path) -> None:
    images = open_image_set(loose, labelled=False)
    assert (images.kind, images.num_classes, images.size, len(images)) == ("crops", 0, 112, 48)
    assert [Path(images.where(index)).parent.name for index in (0, 47)] == ["crops", "more"]
    assert (images.labels == -1).all()
    (tmp_path / "notes.txt").write_text("no picture")
    (tmp_path / "circle").symlink_to(tmp_path)
    (tmp_path / ".hidden.png").write_bytes(b"")
    with pytest.raises(DataError, match=r"holds no picture \(\.jpg"):
        open_image_set(tmp_path, labelled=False)
    (tmp_path / "empty.png").write_bytes(b"")
    with pytest.raises(DataError, match="none of its 1 pictures can be read"):
        open_image_set(tmp_path, labelled=False)


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["--head", "ArcFace"], 2, "--head with a teacher: it takes the head's place"),
        (["--param_a", "0.8"], 2, "--param_a with a teacher"),
        (["--resume_head", "head"], 2, "--resume_head with a teacher"),
        (["--embedding_size", "32"], 2, "--embedding_size 32: the teacher's is 16"),
        (["--teacher", "nowhere.onnx"], 5, "nowhere.onnx: can't be read"),
        (["--preprocess", "centered"], 5, "leave out --preprocess centered"),
    ],
)
def test_what_does_not_go_with_a_teacher(
    options: list[str],
    code: int,
    message: str,
    teacher_file: Path,
    loose: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    call = ["train", "--teacher", str(teacher_file), "--data_root", str(loose), *SHORT, "--outdir", str(tmp_path / "o")]
    assert main([*call, *options]) == code
    assert message in capsys.readouterr().err
    assert not (tmp_path / "o").exists()


def test_settings_of_another_run(
    teacher_file: Path, loose: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """They win over a teacher's defaults; a teacher among them refuses a head as --teacher does."""
    first = tmp_path / "first.json"
    write_settings(
        first,
        TrainConfig(NetworkConfig("MobileFaceNet"), batch_size=8, augment=AugmentConfig(lowres=0.2), max_steps=1),
        Resources(str(loose)),
    )
    call = ["train", "--config", str(first), "--teacher", str(teacher_file), "--outdir", str(tmp_path / "out")]
    assert main(call) == 0
    config, _ = read_settings(tmp_path / "out" / "config.json")
    assert (config.augment, config.schedule) == (AugmentConfig(lowres=0.2), "stages")
    assert config.network.embedding_size == DIMENSION
    capsys.readouterr()
    second = ["train", "--config", str(tmp_path / "out" / "config.json"), "--outdir", str(tmp_path / "again")]
    assert main([*second, "--resume_head", str(tmp_path / "out")]) == 2
    assert "--resume_head with a teacher" in capsys.readouterr().err
    assert main(["train", "--data_root", str(loose), "--outdir", str(tmp_path / "o"), "--preprocess", "raw"]) == 2
    assert "--preprocess raw: is for a teacher" in capsys.readouterr().err


def test_a_teacher_that_fails_in_a_loader_process(teacher_file: Path, loose: Path, tmp_path: Path) -> None:
    file = Path(shutil.copy(teacher_file, tmp_path / "teacher.onnx"))
    teacher = Teacher(file)
    write_model(file, metadata=raw_metadata(), seed=5)
    images = open_image_set(loose, labelled=False)
    with (
        Loader(images, batch_size=12, seed=3, workers=1, teacher=teacher) as loader,
        pytest.raises(SFaceError, match=r"process 1 of 1 failed at image \d+ of .*teacher.onnx: was exchanged"),
    ):
        next(loader.batches(0, 1))


def test_two_ranks_train_as_one(teacher_file: Path, loose: Path, tmp_path: Path) -> None:
    """And go on; their relations are those of the whole batch. Head files there are none, from neither rank."""
    call = ["--teacher", teacher_file, "--data_root", loose, *SHORT, "--save_every", "2"]
    both, one = tmp_path / "both", tmp_path / "one"
    for words in (["--max_steps", "2"], ["--resume", "--max_steps", "4"]):
        done = mpirun(*(call if "--resume" not in words else []), "--outdir", both, *words)
        assert done.returncode == 0, done.stderr
    assert main(["train", *map(str, call), "--outdir", str(one), "--max_steps", "4"]) == 0
    assert not list(both.glob("step-*/head-*"))
    parts = zip(read_log(both), read_log(one), strict=False)
    for ours, theirs in parts:
        for name in ("loss", "cos_genuine", "cos_impostor", "top1"):
            assert ours[name] == pytest.approx(theirs[name], rel=1e-3, abs=1e-4), name
    ours, theirs = (load_file(folder / "step-00000004" / "model.safetensors") for folder in (both, one))
    start = load_file(one / "step-00000002" / "model.safetensors")
    moved = sum(float(np.square(theirs[name] - start[name]).sum()) for name in start)
    apart = sum(float(np.square(theirs[name] - ours[name]).sum()) for name in start)
    assert apart < 0.02**2 * moved


def test_blends_take_a_teacher(drawn_set: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call = ["train", "--data_root", str(drawn_set), *SHORT, "--outdir", str(tmp_path / "o"), "--augment_blend", "0.1"]
    assert main(call) == 2
    assert "--augment_blend 0.1: a blend of two people has no label" in capsys.readouterr().err


def test_a_run_goes_on_with_the_teacher_it_began_with(
    teacher_file: Path, loose: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, outdir = shutil.copy(teacher_file, tmp_path / "first.onnx"), str(tmp_path / "out")
    call = ["train", "--teacher", str(first), "--data_root", str(loose), *SHORT, "--outdir", outdir]
    assert main([*call, "--max_steps", "1"]) == 0
    go_on = ["train", "--outdir", outdir, "--resume", "--max_steps", "2"]
    other = write_model(tmp_path / "other.onnx", metadata=raw_metadata(), seed=6)
    capsys.readouterr()
    assert main([*go_on, "--teacher", str(other)]) == 5
    assert "other.onnx: is not the file that this run began with" in capsys.readouterr().err
    moved = Path(first).rename(tmp_path / "moved.onnx")
    assert main(go_on) == 5
    assert main([*go_on, "--teacher", str(moved)]) == 0

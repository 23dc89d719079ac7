"""IJB-C on small sets of real files, against the protocol written out in plain loops."""

import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from sface.align.crop import TEMPLATE, align_face
from sface.align.image_file import load_image
from sface.errors import DataError
from sface.evaluate.crop_embedder import CropEmbedder, Embed
from sface.evaluate.figures.bootstrap import people_in
from sface.evaluate.protocols.ijbc import compare_ijbc, template_similarities
from sface.evaluate.protocols.ijbc_lists import open_ijbc

# Picture, template, medium: templates 4, 9, 12, 30, 31; medium 50 is a video, of which two templates have pictures.
PICTURES = [
    (1, 30, 70), (2, 4, 50), (3, 9, 61), (4, 4, 51), (5, 9, 50), (6, 4, 50),
    (7, 12, 64), (8, 31, 80), (9, 12, 64), (10, 12, 65), (11, 31, 80), (12, 4, 50),
]  # fmt: skip
PAIRS = [(4, 9, 1), (4, 30, 0), (9, 12, 1), (30, 31, 0), (12, 31, 0), (31, 4, 0), (9, 30, 0)]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Random pictures of 100 to 160 pixels with landmarks and scores, in IJB-C's layout."""
    generator = np.random.default_rng(3)
    (tmp_path / "loose_crop").mkdir()
    (tmp_path / "meta").mkdir()
    points = []
    for number, _, _ in PICTURES:
        coarse = generator.integers(0, 256, (6, 5, 3), dtype=np.uint8)
        size = tuple(generator.integers(100, 160, 2).tolist())
        Image.fromarray(coarse).resize(size).save(tmp_path / "loose_crop" / f"{number}.jpg")
        landmarks = TEMPLATE * generator.uniform(0.7, 1.2) + generator.uniform(-5, 15, (5, 2))
        numbers = " ".join(f"{value:.3f}" for value in landmarks.ravel())
        points.append(f"{number}.jpg {numbers} {generator.uniform(0.5, 1):.4f}\n")
    meta = tmp_path / "meta"
    (meta / "ijbc_face_tid_mid.txt").write_text("".join(f"{n}.jpg {t} {m}\n" for n, t, m in PICTURES))
    (meta / "ijbc_name_5pts_score.txt").write_text("".join(points))
    (meta / "ijbc_template_pair_label.txt").write_text("".join("{} {} {}\n".format(*pair) for pair in PAIRS))
    return tmp_path


def projection(size: int = 112, dimension: int = 8) -> Embed:
    """A fixed random projection of the pixels, whose lengths differ."""
    weights = np.random.default_rng(1).normal(size=(size * size * 3, dimension)) / size

    def embed(crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        assert crops.shape[1:] == (size, size, 3)
        return ((crops.reshape(len(crops), -1) / 255.0 - 0.5) @ weights).astype(np.float32)

    return embed


def embedder(embed: Embed | None = None, *, size: int = 112, batch: int = 64, flip: bool = True) -> CropEmbedder:
    return CropEmbedder(embed or projection(size), "network", size, batch, flip)


def by_hand(root: Path, *, flip: bool = True, size: int = 112, missing: tuple[int, ...] = ()) -> list[float]:
    """The similarities of PAIRS, one loop for each sentence of the protocol."""
    embed, vectors, scores = projection(size), {}, {}
    for words in map(str.split, (root / "meta" / "ijbc_name_5pts_score.txt").read_text().splitlines()):
        number = int(words[0].removesuffix(".jpg"))
        if number in missing:
            continue
        landmarks = np.array(words[1:11], dtype=np.float32).reshape(5, 2)
        crop = align_face(load_image(root / "loose_crop" / words[0]), landmarks, size)
        vectors[number] = embed(crop[None])[0].astype(float)
        if flip:
            vectors[number] += embed(np.ascontiguousarray(crop[None, :, ::-1]))[0]
        scores[number] = float(words[11])
    templates = {}
    for template in {t for _, t, _ in PICTURES}:
        total = np.zeros(8)
        for medium in {m for _, t, m in PICTURES if t == template}:
            of_medium = [
                vectors[n] * scores[n] for n, t, m in PICTURES if (t, m) == (template, medium) and n in vectors
            ]
            if of_medium:
                total += sum(of_medium) / len(of_medium)
        templates[template] = total / np.linalg.norm(total) if total.any() else np.full(8, np.nan)
    return [float(templates[first] @ templates[second]) for first, second, _ in PAIRS]


@pytest.mark.parametrize("flip", [True, False])
def test_similarities_are_those_of_the_protocol(root: Path, flip: bool) -> None:
    told: list[int] = []
    comparisons = compare_ijbc(embedder(flip=flip, batch=5), open_ijbc(root), advance=lambda n=1: told.append(n))
    np.testing.assert_allclose(comparisons.similarity, by_hand(root, flip=flip), atol=1e-6)
    assert np.abs(comparisons.similarity - by_hand(root, flip=not flip)).max() > 1e-3
    assert comparisons.same.tolist() == [bool(label) for _, _, label in PAIRS]
    assert (comparisons.name, comparisons.photos, comparisons.failed) == ("ijbc", 12, 0)
    assert comparisons.ten_folds is None
    assert sum(told) == 12
    assert ("mirror images added" in comparisons.protocol) == flip
    assert "5 templates of 12 pictures" in comparisons.protocol


def test_the_mean_length_is_that_of_the_raw_embeddings(root: Path) -> None:
    lists, embed = open_ijbc(root), projection()
    lengths = []
    for name, landmarks in zip(lists.names, lists.landmarks, strict=True):
        crop = align_face(load_image(lists.folder / name), landmarks)
        lengths += [np.linalg.norm(embed(one[None])) for one in (crop, np.ascontiguousarray(crop[:, ::-1]))]
    assert compare_ijbc(embedder(), lists).xnorm == pytest.approx(np.mean(lengths))


def test_crops_have_the_networks_size(root: Path) -> None:
    comparisons = compare_ijbc(embedder(size=64), open_ijbc(root))
    np.testing.assert_allclose(comparisons.similarity, by_hand(root, size=64), atol=1e-6)


@pytest.mark.parametrize("batch", [1, 3, 64])
def test_the_network_gets_as_many_crops_as_asked_for(root: Path, batch: int) -> None:
    embed, counts = projection(), set()

    def watching(crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        counts.add(len(crops))
        return embed(crops)

    comparisons = compare_ijbc(embedder(watching, batch=batch), open_ijbc(root))
    assert counts == {batch}
    np.testing.assert_allclose(comparisons.similarity, by_hand(root), atol=1e-6)


def test_people_are_the_templates_that_genuine_pairs_link(root: Path) -> None:
    comparisons = compare_ijbc(embedder(), open_ijbc(root))
    person = dict(zip((pair[0] for pair in PAIRS), comparisons.people[:, 0].tolist(), strict=True))
    person |= dict(zip((pair[1] for pair in PAIRS), comparisons.people[:, 1].tolist(), strict=True))
    assert person[4] == person[9] == person[12]
    assert len({person[4], person[30], person[31]}) == 3
    assert people_in(comparisons.people) == 3
    assert (comparisons.people[:, 0] == comparisons.people[:, 1])[comparisons.same].all()
    assert "contradiction" not in comparisons.protocol


def test_impostor_pairs_that_genuine_pairs_contradict_are_told(root: Path) -> None:
    path = root / "meta" / "ijbc_template_pair_label.txt"
    path.write_text(path.read_text() + "4 12 0\n")
    comparisons = compare_ijbc(embedder(), open_ijbc(root))
    assert not comparisons.same[-1]
    assert comparisons.people[-1, 0] == comparisons.people[-1, 1]
    assert "impostor pairs of linked templates, a contradiction: 1" in comparisons.protocol


def test_pictures_that_cant_be_used_are_left_out_and_counted(root: Path) -> None:
    folder = root / "loose_crop"
    (folder / "6.jpg").unlink()  # one of the video's three
    (folder / "4.jpg").write_bytes((folder / "4.jpg").read_bytes()[:200])  # the only one of its medium
    points = root / "meta" / "ijbc_name_5pts_score.txt"
    lines = points.read_text().splitlines()
    lines[9] = f"10.jpg {'7 ' * 10}0.9"  # all points in one place
    lines[11] = f"12.jpg {'1e300 ' * 10}0.9"
    points.write_text("\n".join(lines))
    comparisons = compare_ijbc(embedder(), open_ijbc(root))
    assert (comparisons.photos, comparisons.failed) == (12, 4)
    np.testing.assert_allclose(comparisons.similarity, by_hand(root, missing=(4, 6, 10, 12)), atol=1e-6)


def test_a_template_of_which_nothing_is_left_is_not_compared(root: Path) -> None:
    for number in (8, 11):
        (root / "loose_crop" / f"{number}.jpg").write_bytes(b"")
    comparisons = compare_ijbc(embedder(), open_ijbc(root))
    assert comparisons.compared.tolist() == [31 not in pair for pair in PAIRS]
    np.testing.assert_allclose(comparisons.similarity, by_hand(root, missing=(8, 11)), atol=1e-6)


def test_scores_of_0_leave_nothing(root: Path) -> None:
    lists = open_ijbc(root)
    scores = np.where(lists.templates == 3, 0, lists.scores)  # template 30
    comparisons = compare_ijbc(embedder(), replace(lists, scores=scores))
    assert comparisons.compared.tolist() == [30 not in pair for pair in PAIRS]


def test_a_set_without_any_picture_is_refused(root: Path) -> None:
    for path in (root / "loose_crop").iterdir():
        path.unlink()
    with pytest.raises(
        DataError, match=r"loose_crop: not one of 12 pictures can be read; the first: .*\.jpg: can't be"
    ):
        compare_ijbc(embedder(), open_ijbc(root))


def test_the_embeddings_of_pictures_are_not_kept(tmp_path: Path) -> None:
    pictures, dimension = 160, 20_000  # 26 MB, if they were
    (tmp_path / "loose_crop").mkdir()
    (tmp_path / "meta").mkdir()
    Image.new("RGB", (40, 40), "grey").save(tmp_path / "loose_crop" / "a.png")
    points = " ".join(map(str, TEMPLATE.ravel() / 3))
    meta = tmp_path / "meta"
    (meta / "ijbc_face_tid_mid.txt").write_text("".join(f"a.png {n % 2} {n}\n" for n in range(pictures)))
    (meta / "ijbc_name_5pts_score.txt").write_text(f"a.png {points} 1\n" * pictures)
    (meta / "ijbc_template_pair_label.txt").write_text("0 1 1\n")
    lists = open_ijbc(tmp_path)
    tracemalloc.start()
    try:
        compare_ijbc(embedder(lambda crops: np.ones((len(crops), dimension), np.float32), size=24, batch=4), lists)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 10_000_000


@pytest.mark.parametrize(("templates", "pairs"), [(3, 20), (3000, 7000)])  # one block of products, and several
def test_template_similarities_are_cosines(templates: int, pairs: int) -> None:
    generator = np.random.default_rng(templates)
    vectors = generator.normal(size=(templates, 6)) * generator.uniform(0.1, 9, (templates, 1))
    numbers = generator.integers(0, templates, (pairs, 2)).astype(np.int32)
    first, second = vectors[numbers[:, 0]], vectors[numbers[:, 1]]
    expected = (first * second).sum(axis=1) / np.linalg.norm(first, axis=1) / np.linalg.norm(second, axis=1)
    np.testing.assert_allclose(template_similarities(vectors, numbers), expected, atol=1e-12)


def test_similarities_stay_between_their_bounds() -> None:
    vectors = np.random.default_rng(0).normal(size=(200, 5))
    numbers = np.arange(200, dtype=np.int32)[:, None].repeat(2, axis=1)
    assert template_similarities(np.concatenate([vectors, -vectors]), numbers).max() <= 1

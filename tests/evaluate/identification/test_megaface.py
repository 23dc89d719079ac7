"""MegaFace on a small test pack of real files, against the protocol written out in plain loops."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from sface.align.image_file import load_image
from sface.errors import DataError
from sface.evaluate.crop_embedder import CropEmbedder, Embed
from sface.evaluate.identification import megaface
from sface.evaluate.identification.identification_figures import IdentificationFigures
from sface.evaluate.identification.megaface import identify
from sface.evaluate.identification.megaface_lists import open_megaface

SIZE, DISTRACTORS = 16, 130
PHOTOS = {"Ada": 4, "Bo": 2, "Cy": 5, "Di": 3, "Ed": 3, "Fay": 1, "Gil": 3}
SEARCHES = sum(count * (count - 1) for count in PHOTOS.values())


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random patterns, a person's photos with noise over them, as aligned pictures of 16 pixels. Don't change it."""
    root = tmp_path_factory.mktemp("pack")
    generator = np.random.default_rng(5)

    def save(path: Path, pattern: NDArray[np.float64]) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = pattern + generator.normal(0, 90, (SIZE, SIZE, 3))
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(path)

    def pattern() -> NDArray[np.float64]:
        return generator.uniform(0, 255, (4, 4, 3)).repeat(4, axis=0).repeat(4, axis=1)

    probes: dict[str, list[str]] = {"path": [], "id": []}
    for person, count in PHOTOS.items():
        base = pattern()
        for number in range(count):
            probes["path"].append(f"{person}/{person}_{number}.png")
            probes["id"].append(person)
            save(root / "facescrub_images" / probes["path"][-1], base)
    others = [f"{number % 10}/{number}@N00/{number}_0.png" for number in range(DISTRACTORS)]
    for path in others:
        save(root / "megaface_images" / path, pattern())
    lists = root / "devkit" / "templatelists"
    lists.mkdir(parents=True)
    (lists / "facescrub_features_list.json").write_text(json.dumps(probes))
    (lists / "megaface_features_list.json_1000000_1").write_text(json.dumps({"path": others}))
    return root


@pytest.fixture
def own_pack(pack: Path, tmp_path: Path) -> Path:
    """A copy that may be changed."""
    return shutil.copytree(pack, tmp_path / "pack")


def projection(dimension: int = 6) -> Embed:
    """A fixed random projection of the pixels."""
    weights = np.random.default_rng(2).normal(size=(SIZE * SIZE * 3, dimension))

    def embed(crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        return ((crops.reshape(len(crops), -1) / 255.0 - 0.5) @ weights).astype(np.float32)

    return embed


def embedder(embed: Embed | None = None, *, batch: int = 64, flip: bool = True) -> CropEmbedder:
    return CropEmbedder(embed or projection(), "network", SIZE, batch, flip)


def unit(path: Path, flip: bool) -> NDArray[np.float64] | None:
    try:
        crop = load_image(path)[None]
    except Exception:
        return None
    vector = projection()(crop)[0].astype(float)
    if flip:
        vector += projection()(np.ascontiguousarray(crop[:, :, ::-1]))[0]
    return np.asarray(vector / np.linalg.norm(vector))


def ranks_by_hand(root: Path, flip: bool) -> list[float]:
    """Of each search, at which rank the mate is found; infinity where it can't be."""
    folder = root / "devkit" / "templatelists"
    probes = json.loads((folder / "facescrub_features_list.json").read_text())
    others = json.loads((folder / "megaface_features_list.json_1000000_1").read_text())["path"]
    gallery = [vector for path in others if (vector := unit(root / "megaface_images" / path, flip)) is not None]
    vectors = [unit(root / "facescrub_images" / path, flip) for path in probes["path"]]
    ranks = []
    for mate, (found, name) in enumerate(zip(vectors, probes["id"], strict=True)):
        for probe, (vector, other) in enumerate(zip(vectors, probes["id"], strict=True)):
            if probe != mate and name == other:
                if vector is None or found is None:
                    ranks.append(np.inf)
                else:
                    ranks.append(1 + sum(float(vector @ one) >= float(vector @ found) - 1e-6 for one in gallery))
    return ranks


def missed(result: IdentificationFigures) -> dict[int, int]:
    return {row.rank: row.missed.errors for row in result.ranks}


@pytest.mark.parametrize("flip", [True, False])
def test_the_ranks_are_those_of_the_protocol(pack: Path, flip: bool) -> None:
    told: list[int] = []
    lists = open_megaface(pack)
    result = identify(embedder(flip=flip, batch=7), lists, advance=lambda n=1: told.append(n))
    ranks = ranks_by_hand(pack, flip)
    assert len(ranks) == SEARCHES == result.searches
    assert missed(result) == {rank: sum(one > rank for one in ranks) for rank in (1, 10, 100)}
    assert 0 < missed(result)[100] < missed(result)[10] < missed(result)[1] < SEARCHES
    assert all(row.missed.count == SEARCHES for row in result.ranks)
    assert missed(result) != {rank: sum(one > rank for one in ranks_by_hand(pack, not flip)) for rank in (1, 10, 100)}
    assert (result.people, result.photos, result.failed) == (6, 20, 0)
    assert (result.distractors, result.distractors_failed, result.noisy) == (DISTRACTORS, 0, (0, 0))
    assert sum(told) == len(lists.probes) + len(lists.distractors) == 20 + DISTRACTORS
    assert ("mirror images added" in result.protocol) == flip


def test_a_rank_has_an_interval_over_people(pack: Path) -> None:
    for row in identify(embedder(), open_megaface(pack)).ranks:
        assert 0 <= row.missed.low < row.missed.value < row.missed.high <= 1
        assert row.missed.high - row.missed.low > 0.05


@pytest.mark.parametrize("batch", [1, 64])
def test_the_network_gets_as_many_crops_as_asked_for(pack: Path, batch: int) -> None:
    counts = set()

    def watching(crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        counts.add(crops.shape)
        return projection()(crops)

    identify(embedder(watching, batch=batch), open_megaface(pack))
    assert counts == {(batch, SIZE, SIZE, 3)}


def test_pictures_that_cant_be_used(own_pack: Path) -> None:
    (own_pack / "facescrub_images" / "Cy" / "Cy_1.png").unlink()
    Image.new("RGB", (20, 20)).save(own_pack / "facescrub_images" / "Bo" / "Bo_0.png")  # no crop of that size
    (own_pack / "megaface_images" / "3/3@N00/3_0.png").write_bytes(b"")
    result = identify(embedder(), open_megaface(own_pack))
    assert (result.photos, result.failed) == (20, 2)
    assert (result.distractors, result.distractors_failed) == (DISTRACTORS - 1, 1)
    (own_pack / "facescrub_images" / "Bo" / "Bo_0.png").unlink()
    ranks = ranks_by_hand(own_pack, flip=True)
    assert sum(np.isinf(ranks)) == 2 * 4 + 2
    assert missed(result) == {rank: sum(one > rank for one in ranks) for rank in (1, 10, 100)}
    assert all(row.missed.count == SEARCHES for row in result.ranks)


def test_noises_are_told(own_pack: Path) -> None:
    (own_pack / "facescrub_noises.txt").write_text("Di_1.png\n")
    (own_pack / "megaface_noises.txt").write_text("3/3@N00/3_0.png\n4/4@N00/4_0.png\n")
    result = identify(embedder(), open_megaface(own_pack))
    assert result.noisy == (1, 2)
    assert result.searches == SEARCHES - 4
    assert result.distractors == DISTRACTORS - 2
    assert "1 photos and 2 distractors left out as noise" in result.protocol


def test_perfect_embeddings_miss_nothing_and_equal_ones_everything(pack: Path) -> None:
    lists = open_megaface(pack)
    people = {Path(path).parent.name: number for number, path in enumerate(lists.probes)}
    vectors = np.eye(len(people) + 1, 12, dtype=np.float32)
    numbers = {
        load_image(pack / "facescrub_images" / path).tobytes(): people[path.split("/")[0]] for path in lists.probes
    }
    order = {number: row for row, number in enumerate(dict.fromkeys(numbers.values()), start=1)}

    def perfect(crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        return vectors[[order.get(numbers.get(crop.tobytes(), -1), 0) for crop in crops]]

    result = identify(embedder(perfect, flip=False), lists)
    assert missed(result) == {1: 0, 10: 0, 100: 0}
    assert result.ranks[0].missed.high == pytest.approx(3 / 6)  # of six people
    equal = identify(embedder(lambda crops: np.full((len(crops), 3), 0.7, np.float32)), lists)
    assert missed(equal) == dict.fromkeys((1, 10, 100), SEARCHES)


def test_verification_takes_enough_impostor_pairs(pack: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lists = open_megaface(pack)
    result = identify(embedder(), lists)
    assert (result.verification, result.impostors_needed) == (None, 3_000_000)
    monkeypatch.setattr(megaface, "FMR", 0.01)
    point = identify(embedder(), lists).verification
    assert point is not None
    units = [unit(pack / "facescrub_images" / path, True) for path in lists.probes]
    others = [unit(pack / "megaface_images" / path, True) for path in lists.distractors]
    impostors = (np.array(units) @ np.array(others).T).ravel()
    assert (point.fmr.count, point.fmr.errors) == (20 * DISTRACTORS, 20 * DISTRACTORS // 100)
    assert point.fmr.errors == (impostors >= point.threshold).sum()
    genuine = np.array(
        [
            float(np.dot(first, second))  # type: ignore[arg-type]
            for a, first in enumerate(units)
            for b, second in enumerate(units)
            if a < b and lists.people[a] == lists.people[b]
        ]
    )
    assert (point.fnmr.count, point.fnmr.errors) == (SEARCHES // 2, (genuine < point.threshold).sum())


def test_the_figures_go_into_json(pack: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(megaface, "FMR", 0.01)
    result = identify(embedder(), open_megaface(pack))
    told = json.loads(json.dumps(result.to_dict()))
    assert told["searches"] == SEARCHES
    assert told["noisy"] == [0, 0]
    first = told["ranks"][0]
    assert (first["rank"], first["missed"]["errors"]) == (1, missed(result)[1])
    assert first["identified"] == pytest.approx(1 - missed(result)[1] / SEARCHES)
    assert result.verification is not None
    assert told["verification"]["tar"] == pytest.approx(1 - result.verification.fnmr.value)
    monkeypatch.undo()
    assert identify(embedder(), open_megaface(pack)).to_dict()["verification"] is None


def test_ranks_beyond_the_gallery_are_left_out(own_pack: Path) -> None:
    path = own_pack / "devkit" / "templatelists" / "megaface_features_list.json_1000000_1"
    path.write_text(json.dumps({"path": json.loads(path.read_text())["path"][:50]}))
    assert [row.rank for row in identify(embedder(), open_megaface(own_pack)).ranks] == [1, 10]


@pytest.mark.parametrize(
    ("folder", "message"),
    [
        ("facescrub_images", r"facescrub_images: no person has two photos that can be read; the first: .*Ada_0\.png"),
        ("megaface_images", r"megaface_images: no distractor can be read; the first: .*0_0\.png"),
    ],
)
def test_without_pictures(folder: str, message: str, own_pack: Path) -> None:
    for path in (own_pack / folder).rglob("*.png"):
        path.write_bytes(b"")
    with pytest.raises(DataError, match=message):
        identify(embedder(), open_megaface(own_pack))

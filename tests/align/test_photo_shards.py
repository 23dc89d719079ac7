"""The faces of a shard's photos, and what is said of photos that were left out."""

import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from sface.align.photo_shards import LeftOut, in_words, left_out_of, none_left, open_reader, read_shard
from sface.errors import DataError, NoFaceError
from sface.output import with_option
from sface.processes.shards import Shards


def test_the_reader_for_many_photos_fits_with_scikit_image() -> None:
    reader = open_reader("mtcnn", "all", 96)
    assert (reader.fit, reader.faces, reader.size) == ("scikit-image", "all", 96)
    assert reader.detector is not None and reader.detector.name == "mtcnn"
    aligned = open_reader(None, "best", 112, aligned=True)
    assert (aligned.fit, aligned.detector) == ("scikit-image", None)


def test_what_is_left_out_says_why_without_its_path(drawn_photos: list[Path], tmp_path: Path) -> None:
    root = tmp_path / "photos"
    (root / "Ann").mkdir(parents=True)
    shutil.copy(drawn_photos[0], root / "Ann" / "1.png")
    (root / "Ann" / "2.jpg").write_text("no photo")
    shards = Shards(tmp_path / "out", root, ["Ann/1.png", "Ann/2.jpg", "Ann/3.jpg"][:2], {})
    shards.folder.mkdir()
    (shard,) = shards.all
    faces = read_shard(open_reader("mtcnn", "best", 112), shard)
    assert [number for number, _ in faces.taken] == [0]
    shard.store(faces.arrays())
    assert faces.arrays()["photo"].dtype == np.int32
    (left_out,) = left_out_of(shards)
    assert (left_out.photo, left_out.code) == ("Ann/2.jpg", "bad_image")
    assert left_out.reason.startswith("is not a picture (JPEG")


def test_the_error_for_photos_that_were_all_left_out() -> None:
    faceless = LeftOut("a.jpg", "no_face", "mtcnn found no face; use another detector")
    error = none_left([faceless] * 1000)
    assert isinstance(error, NoFaceError)
    text = "all 1,000 photos were left out; the first, a.jpg: mtcnn found no face; use another "
    assert (str(error), with_option(error, {})) == (f"{text}detector", f"{text}--detector")
    assert isinstance(none_left([faceless, LeftOut("b.jpg", "bad_image", "is empty")]), DataError)


@pytest.mark.parametrize(
    ("codes", "words"),
    [
        ({}, "left out: 0"),
        ({"no_face": 2, "bad_image": 1000}, "left out: 1,002 (1,000 bad_image, 2 no_face)"),
    ],
)
def test_reasons_in_words(codes: dict[str, int], words: str) -> None:
    assert in_words(Counter(codes)) == words

"""Metadata in a real ONNX file: read, written, and nothing else changed."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper

from sface.errors import ModelError, StorageError
from sface.export.onnx_files.onnx_metadata import read_metadata, write_metadata
from sface.infer import FaceEmbedder
from sface.output import printable

from ...test_files import largest_file
from ...tiny_models import raw_metadata, write_model


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_model(tmp_path / "model.onnx", metadata=raw_metadata())


def test_what_is_written_is_read_by_onnx_and_by_onnxruntime(model: Path) -> None:
    assert read_metadata(model) == raw_metadata()
    measured = raw_metadata(threshold=0.1 + 0.2, fmr=1 / 3, threshold_set="Gesichter äöü", aligner="mtcnn+onet-1")
    write_metadata(model, measured)
    assert read_metadata(model) == measured
    assert FaceEmbedder(model).metadata == measured


def test_a_file_without_metadata(tmp_path: Path) -> None:
    model = write_model(tmp_path / "model.onnx")
    assert read_metadata(model) is None
    write_metadata(model, raw_metadata())
    assert read_metadata(model) == raw_metadata()


def test_all_else_in_the_file_stays(model: Path) -> None:
    before = onnx.load(model)
    helper.set_model_props(before, {"author": "somebody", "sface.threshold": "0.9", **raw_metadata().to_props()})
    onnx.save(before, model)
    crops = np.random.default_rng(0).integers(0, 256, (2, 112, 112, 3), dtype=np.uint8)
    expected = FaceEmbedder(model).embed(crops).unit

    write_metadata(model, raw_metadata(network="renamed"))
    after = onnx.load(model)
    props = {prop.key: prop.value for prop in after.metadata_props}
    assert props == {"author": "somebody", **raw_metadata(network="renamed").to_props()}  # the old threshold is gone
    assert np.array_equal(FaceEmbedder(model).embed(crops).unit, expected)
    for file in (before, after):
        del file.metadata_props[:]
    assert after.SerializeToString(deterministic=True) == before.SerializeToString(deterministic=True)
    assert [path.name for path in model.parent.iterdir()] == ["model.onnx"]


def test_behind_a_link_the_file_itself_is_written(model: Path) -> None:
    link = model.with_name("default.onnx")
    link.symlink_to(model.name)
    write_metadata(link, raw_metadata(network="renamed"))
    assert link.is_symlink()
    assert read_metadata(model) == raw_metadata(network="renamed")


@pytest.mark.parametrize("kind", ["missing", "empty", "text", "truncated"])
def test_a_file_that_is_no_network(model: Path, kind: str) -> None:
    whole = model.read_bytes()
    if kind == "missing":
        model.unlink()
    else:
        model.write_bytes({"empty": b"", "text": b"no network\n" * 50, "truncated": whole[: len(whole) // 2]}[kind])
    with pytest.raises(ModelError, match=r"model\.onnx: "):
        read_metadata(model)
    with pytest.raises(ModelError, match=r"model\.onnx: "):
        write_metadata(model, raw_metadata())


def test_a_file_whose_weights_lie_elsewhere_is_refused(model: Path) -> None:
    onnx.save(onnx.load(model), model, save_as_external_data=True, location="weights.bin", size_threshold=0)
    before = model.read_bytes()
    with pytest.raises(ModelError, match="keeps its weights in other files"):
        write_metadata(model, raw_metadata())
    assert model.read_bytes() == before


def test_a_disk_that_refuses_leaves_the_file_as_it_was(model: Path) -> None:
    before = model.read_bytes()
    with (
        largest_file(len(before) // 2),
        pytest.raises(StorageError, match=r"model\.onnx: could not be"),
    ):
        write_metadata(model, raw_metadata(network="renamed"))
    assert model.read_bytes() == before
    assert [path.name for path in model.parent.iterdir()] == ["model.onnx"]


@pytest.mark.parametrize("name", ["a\xa0b", "a\nb", "\x1b[31m", "👩\u200d👧", "lat\udcfcin"], ids=ascii)
def test_a_folder_of_any_name_is_written_so_that_it_can_be_read(name: str, tmp_path: Path) -> None:
    """It may become the name of a training set or of a threshold's."""
    path = write_model(tmp_path / "m.onnx")
    write_metadata(path, raw_metadata(threshold=0.3, threshold_set=name, training_set=name))
    read = read_metadata(path)
    assert read is not None and read.threshold_set == read.training_set == printable(name)

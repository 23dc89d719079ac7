"""The room's public names, and that importing it costs nothing."""

import subprocess
import sys

import pytest

import sface.datasets


def test_the_public_names() -> None:
    assert set(sface.datasets.__all__) == {
        "open_image_set", "ImageSet", "people_in", "convert", "Conversion", "check", "SetCheck", "draw_face", "Drawn",
    }  # fmt: skip
    assert dir(sface.datasets) == sorted(sface.datasets.__all__)
    for name in sface.datasets.__all__:
        assert getattr(sface.datasets, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'check_set'"):
        _ = sface.datasets.check_set


def test_importing_the_room_imports_nothing() -> None:
    code = (
        "import sys, sface.datasets\n"
        "sys.exit(', '.join({'numpy', 'PIL', 'cv2', 'matplotlib', 'sface.align'} & set(sys.modules)) or None)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_sets_are_read_without_the_aligner_and_what_runs_networks() -> None:
    code = (
        "import sys\n"
        "from sface.datasets import check, convert, open_image_set\n"
        "names = {'jittor', 'onnx', 'onnxruntime', 'sface.align', 'sface.train'}\n"
        "sys.exit(', '.join(names & set(sys.modules)) or None)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)

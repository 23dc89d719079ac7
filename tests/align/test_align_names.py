"""The room's public names, and that importing it costs nothing."""

import subprocess
import sys

import pytest

import sface.align


def test_the_public_names() -> None:
    assert set(sface.align.__all__) == {
        "load_image", "load_detector", "Detector", "Face", "find_faces", "align_face",
        "measure_quality", "Quality", "align_folder", "AlignedFolder", "LeftOut", "draw_people", "DrawnPeople",
        "TEMPLATE", "CROP_SIZE",
    }  # fmt: skip
    for name in sface.align.__all__:
        assert getattr(sface.align, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'detect'"):
        _ = sface.align.detect


def test_importing_the_room_imports_nothing() -> None:
    code = (
        "import sys, sface.align\n"
        "sys.exit(', '.join({'numpy', 'PIL', 'cv2', 'skimage', 'onnxruntime'} & set(sys.modules)) or None)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)

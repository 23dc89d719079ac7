"""The published files that the zoo knows."""

import re
from pathlib import Path

from sface import files
from sface.infer.zoo.catalogue import CHOICES, FILES
from sface.model_files.known_files import KNOWN_FILES


def test_the_catalogue() -> None:
    for name, file in FILES.items():
        assert file.name == name
        assert re.fullmatch("[0-9a-f]{64}", file.sha256)
        assert file.size > 100_000
        assert file.license in ("MIT", "Apache-2.0")
        assert all(url.startswith("https://") and url.endswith(f"/{file.file}") for url in file.urls)
        assert (file.wheel is None) == (file.repaired_as is None)
        if file.kind == "detection":
            assert Path(file.kept_as).match("face_detection_yunet*.onnx")  # by which the detector is found
        else:
            assert KNOWN_FILES[file.sha256].preprocess == "raw"
    for names in CHOICES.values():
        assert FILES[names[-1]].wheel, "a package index alone is enough"


def test_the_files_here_are_those_of_the_catalogue(shared: Path) -> None:
    here = [(shared / "models" / file.file, file) for file in FILES.values()]
    there = [(path, file) for path, file in here if path.exists()]
    assert len(there) >= 3
    for path, file in there:
        assert (files.sha256(path), path.stat().st_size) == (file.sha256, file.size)

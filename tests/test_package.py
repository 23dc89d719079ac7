"""The package as it is installed."""

import shutil
import subprocess
import sys
import tomllib
import venv
from pathlib import Path

import pytest

import sface
from tests.paths import REPOSITORY
from tests.test_rooms import ROOMS


def test_the_packages_listed_are_those_on_disk() -> None:
    """A subpackage left out of the list is silently missing from the wheel."""
    setuptools = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["tool"]["setuptools"]
    on_disk = {"sface", "sface.cli", "sface.model_files", "sface.processes", "sface.runtime"}
    for room in ROOMS:
        for file in (REPOSITORY / room).rglob("__init__.py"):
            on_disk.add(".".join(["sface", *file.parent.relative_to(REPOSITORY).parts]))
    assert set(setuptools["packages"]) == on_disk
    assert setuptools["package-dir"] == {f"sface.{room}": room for room in ROOMS}


def test_each_room_has_its_link() -> None:
    for room in ROOMS:
        assert (REPOSITORY / "sface" / room).is_symlink()
        assert (REPOSITORY / "sface" / room).resolve() == REPOSITORY / room


def test_public_names() -> None:
    for name in sface.__all__:
        assert getattr(sface, name) is not None
    with pytest.raises(AttributeError):
        _ = sface.FaceVerifer


def test_the_version_is_that_of_the_package() -> None:
    assert tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["version"] == sface.__version__


def test_import_is_light() -> None:
    code = "import sys, sface; sys.exit(len({'numpy', 'cv2', 'onnxruntime', 'jittor'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.network
def test_verifying_needs_no_more_than_the_cpu_extra(tmp_path: Path, model_file: Path, drawn_photos: list[Path]) -> None:
    """From the built wheel, in an environment without Jittor, onnx and matplotlib, outside the checkout."""
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    source = tmp_path / "source"  # building leaves a folder behind, which would get into the next wheel
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE", "sface", *ROOMS):
        if (REPOSITORY / name).is_dir():
            shutil.copytree(REPOSITORY / name, source / name, symlinks=True)
        else:
            shutil.copy(REPOSITORY / name, source / name)
    subprocess.run([*pip, "wheel", "--no-deps", "--wheel-dir", str(tmp_path), str(source)], check=True)
    (wheel,) = tmp_path.glob("sface-*.whl")
    venv.create(tmp_path / "env", with_pip=True)
    bin_ = tmp_path / "env" / "bin"
    install = [str(bin_ / "python"), "-m", "pip", "--quiet", "--disable-pip-version-check", "install"]
    subprocess.run([*install, f"{wheel}[cpu]"], check=True)

    code = (
        "import importlib.util, sys\n"
        "there = [name for name in ('jittor', 'onnx', 'matplotlib') if importlib.util.find_spec(name)]\n"
        "assert not there, there\n"
        "from sface import FaceVerifier\n"
        "photo = sys.argv[2]\n"
        "print(FaceVerifier(sys.argv[1]).verify(photo, photo).similarity)\n"
    )
    done = subprocess.run(
        [str(bin_ / "python"), "-c", code, str(model_file), str(drawn_photos[0])],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) == pytest.approx(1, abs=1e-6)

    done = subprocess.run(
        [str(bin_ / "face-verify"), str(drawn_photos[0]), str(drawn_photos[0]), "--model", str(model_file)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("SAME 1.00 >= 0.36")

    # What this environment lacks is said in one line, with the extra that brings it.
    for command, extra in (
        (["export", str(tmp_path), "-o", "m.onnx"], "train"),
        (["train", "--data_root", str(tmp_path), "--outdir", "out"], "train"),
        (["calibrate", str(model_file), "--data", str(tmp_path), "--fmr", "0.1"], "export"),
    ):
        done = subprocess.run(
            [str(bin_ / "sface"), *command], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == 6
        assert "Traceback" not in done.stderr
        assert f"pip install 'sface[{extra}]'" in done.stderr

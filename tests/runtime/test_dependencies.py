"""What is not installed is named, with the command that brings it."""

import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from sface.errors import DependencyError
from sface.runtime import dependencies
from tests.tiny_models import raw_metadata, write_model


def test_onnxruntime_twice(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "onnxruntime").mkdir()
    (tmp_path / "onnxruntime" / "__init__.py").write_text("class InferenceSession: ...\n")
    monkeypatch.syspath_prepend(tmp_path)
    for name in [name for name in sys.modules if name.split(".")[0] == "onnxruntime"]:
        monkeypatch.delitem(sys.modules, name)
    (tmp_path / "onnxruntime-1.32.0.dist-info").mkdir()
    assert dependencies.onnxruntime().__file__ == str(tmp_path / "onnxruntime" / "__init__.py")
    (tmp_path / "onnxruntime_gpu-1.31.1.dist-info").mkdir()
    with pytest.raises(DependencyError, match="pip uninstall -y onnxruntime onnxruntime-gpu, then pip install"):
        dependencies.onnxruntime()


def test_no_onnxruntime(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(DependencyError) as caught:
        dependencies.onnxruntime()
    for extra in ("sface[cpu]", "sface[gpu]", "sface[cuda]"):
        assert extra in str(caught.value)


@pytest.mark.parametrize(
    ("room", "name", "missing", "extra"),
    [
        ("export", "optimize", "onnx", "export"),
        ("export", "Lowering", "onnx_ir", "export"),
        ("export", "export", "jittor", "train"),
        ("models", "build_network", "jittor", "train"),
    ],
)
def test_a_public_name_whose_package_is_missing(room: str, name: str, missing: str, extra: str) -> None:
    code = f"import sys; sys.modules[{missing!r}] = None; from sface.{room} import {name}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    last = done.stderr.splitlines()[-1]
    assert last == f"sface.errors.DependencyError: {missing} is not installed: pip install 'sface[{extra}]'"


def test_a_package_of_an_extra() -> None:
    assert dependencies.require("json", "export").__name__ == "json"
    with pytest.raises(DependencyError, match=r"nothing_like_it is not installed: pip install 'sface\[export\]'"):
        dependencies.require("nothing_like_it", "export")


def test_a_package_that_is_there_but_broken_is_not_called_missing(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("broken")
    (folder / "broken_package.py").write_text("import something_it_needs\n")
    monkeypatch.syspath_prepend(folder)
    with pytest.raises(ModuleNotFoundError, match="something_it_needs"):
        dependencies.require("broken_package", "export")


def test_opencv_without_its_system_libraries(tmp_path: Path) -> None:
    """It is imported when the first photo is searched."""
    photo, model = tmp_path / "a.png", write_model(tmp_path / "m.onnx", metadata=raw_metadata())
    Image.new("RGB", (99, 99)).save(photo)
    code = (
        "import sys; sys.modules['cv2'] = None\n"
        "from sface.cli.dispatch import main\n"
        "sys.exit(main(['verify', sys.argv[1], sys.argv[1], '--model', sys.argv[2], '--detector', 'mtcnn']))"
    )
    command = [sys.executable, "-c", code, str(photo), str(model)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 6
    assert done.stderr.startswith("error: OpenCV can't be imported")
    assert "apt-get install libgl1 libglib2.0-0" in done.stderr


EXTRAS = ("jittor", "mpi4py", "safetensors", "tqdm", "matplotlib", "onnx", "onnx_ir", "onnxscript", "sklearn")


@pytest.mark.parametrize(
    ("call", "package", "extra"),
    [
        (["train", "--data_root", "SET", "--outdir", "OUT"], "safetensors", "train"),
        (["export", "SET", "-o", "OUT"], "jittor", "train"),
        (["optimize", "MODEL", "-o", "OUT"], "onnx", "export"),
        (["inspect", "MODEL"], "onnx", "export"),
        (["calibrate", "MODEL", "--data", "SET", "--fmr", "0.1"], "onnx", "export"),
        (["card", "MODEL"], "onnx", "export"),
        (["eval", "MODEL", "--data", "SET"], "sklearn", "eval"),
        (["data", "check", "SET", "--plot", "P.png"], "matplotlib", "train"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else value,
)
def test_a_command_without_its_extra(
    call: list[str], package: str, extra: str, drawn_set: Path, tmp_path: Path
) -> None:
    """As in an environment with the packages for verifying alone."""
    places = {"SET": drawn_set, "MODEL": write_model(tmp_path / "m.onnx"), "OUT": tmp_path / "out"}
    call = [str(places.get(word, word)) for word in call]
    code = (
        f"import sys; sys.modules.update(dict.fromkeys({EXTRAS}))\n"
        f"from sface.cli.dispatch import main\nsys.exit(main({call}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.splitlines()[-1] == f"error: {package} is not installed: pip install 'sface[{extra}]'"
    assert "Traceback" not in done.stderr
    assert done.returncode == 6
    assert not (tmp_path / "out").exists()

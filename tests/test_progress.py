"""What a person sees of the work's progress; the bar itself is in tests/cli/test_data_command.py."""

import sys
import time

import pytest

from sface.output import Output
from sface.progress import progress


def test_a_line_every_ten_seconds(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    with progress(5000, "photos", Output(), done=1000) as advance:
        for seconds in (1, 10, 1, 8, 2):
            now[0] += seconds
            advance(500)
    assert capsys.readouterr() == ("", "2,000 of 5,000 photos\n3,500 of 5,000 photos\n")
    with progress(5000, "photos", Output(quiet=True)) as advance:
        now[0] += 60
        advance()
    assert capsys.readouterr() == ("", "")


def test_a_terminal_without_tqdm(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setitem(sys.modules, "tqdm", None)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with progress(3, "photos", Output()) as advance:
        now[0] += 11
        advance()
    assert capsys.readouterr().err == "1 of 3 photos\n"

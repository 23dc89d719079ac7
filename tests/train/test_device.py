"""`workers_id`: a GPU that can't be used is said before anything is compiled."""

import os

import pytest

from sface.errors import UsageError
from sface.runtime import jittor_setup
from sface.train import device


def test_a_gpu_without_a_toolkit_is_said_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("nvcc_path", raising=False)
    monkeypatch.setattr(device, "_count_gpus", lambda: 1)
    monkeypatch.setattr(jittor_setup, "why_no_cuda", lambda: "the toolkit lacks libcudnn_ops_infer.so")
    with pytest.raises(UsageError, match=r"^workers_id 0: .* lacks libcudnn_ops_infer\.so"):
        device.choose_device("0")


def test_a_toolkit_that_was_chosen_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("nvcc_path", "/opt/toolkit/bin/nvcc")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,3")
    monkeypatch.setattr(device, "_count_gpus", lambda: 2)
    device.choose_device("0")
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "2"

"""What a precision costs is measured, its bound enforced, and what speaks against it said."""

import pickle
import subprocess
import sys
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import onnx
import onnx_ir as ir
import pytest

from sface.errors import DataError, ParityError, UsageError
from sface.evaluate import accuracy_on
from sface.export.parity import timing
from sface.export.precision import measurement as module
from sface.export.precision.fp16 import as_on_gpu, to_fp16
from sface.export.precision.int8 import to_int8
from sface.export.precision.measurement import Precision, measure_precision

from ..small_network import Array, Layer, chain, cosines, data_of, draw_crops, draw_network, embed

CROPS = draw_crops(40)
PAIRS = 40


@pytest.fixture(scope="module")
def fp32() -> bytes:
    return data_of(draw_network())


@pytest.fixture(scope="module")
def int8() -> bytes:
    return data_of(to_int8(draw_network(), CROPS[:10]))


@pytest.fixture(scope="module")
def verification_set(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pairs that are hard to decide on: two mixtures of the same two pictures; who is more alike is called the same."""
    generator = np.random.default_rng(3)
    pictures, same = [], []
    for pair in range(PAIRS):
        first, other = draw_crops(2, seed=pair).astype(int)
        genuine = pair % 2 == 0
        share = generator.uniform(0.3, 0.7)
        second = first * share + other * (1 - share) if genuine else other * 0.6 + first * 0.4
        pictures += [first, second]
        same.append(genuine)
    images = [cv2.imencode(".png", picture.astype(np.uint8)[:, :, ::-1])[1].tobytes() for picture in pictures]
    path = tmp_path_factory.mktemp("bin") / "hard.bin"
    path.write_bytes(pickle.dumps((images, same)))
    return path


def noisy(amount: float) -> bytes:
    """The network with noise on its last weights, which moves its embeddings."""
    model = draw_network()
    layer = model.graph[-1]
    (weight,) = (
        value
        for value in layer.inputs
        if value is not None and value.name and len(value.shape or ()) == 2 and value.const_value is not None
    )
    assert weight.const_value is not None
    array = weight.const_value.numpy()
    noise = np.random.default_rng(0).normal(0, amount * array.std(), array.shape)
    weight.const_value = ir.tensor((array + noise).astype(np.float32), name=weight.name)
    return data_of(model)


def test_the_figures(fp32: bytes, int8: bytes) -> None:
    result = measure_precision(fp32, int8, "int8", CROPS)
    expected = cosines(embed(fp32, CROPS), embed(int8, CROPS))
    assert result.precision == "int8"
    assert result.mean_cosine == pytest.approx(expected.mean(), abs=1e-5)
    assert result.min_cosine == pytest.approx(expected.min(), abs=1e-5)
    assert 0.99 < result.mean_cosine < 0.99999
    assert result.milliseconds_before > 0 and result.milliseconds_after > 0
    assert (result.set_name, result.accuracy_before, result.accuracy_after) == (None, None, None)


def test_times(monkeypatch: pytest.MonkeyPatch) -> None:
    """Medians of one thread, without the first runs, and the two in turn. On a clock of its own."""
    now, order, threads_asked = [0.0], [], []

    class Session:
        def __init__(self, data: bytes) -> None:
            self.seconds = {b"large": 0.008, b"small": 0.002}[data]
            self.runs = 0

        def get_inputs(self) -> list[SimpleNamespace]:
            return [SimpleNamespace(name="input", shape=["N", 3, 24, 24])]

        def run(self, outputs: None, inputs: dict[str, Array]) -> list[Array]:
            assert inputs["input"].shape == (1, 3, 24, 24)
            self.runs += 1
            order.append(self.seconds)
            now[0] += 1 if self.runs in (1, 9) else self.seconds
            return [inputs["input"]]

    def opened(data: bytes, file: str, threads: int | None = None) -> Session:
        threads_asked.append(threads)
        return Session(data)

    monkeypatch.setattr(module, "open_session", opened)
    monkeypatch.setattr(timing, "time", SimpleNamespace(perf_counter=lambda: now[0]))
    assert module.milliseconds((b"large", b"small"), CROPS[:1], "raw", threads=1) == pytest.approx((8, 2))
    assert threads_asked == [1, 1]
    assert order == [0.008, 0.002] * (1 + module.ROUNDS)


def test_accuracy(fp32: bytes, verification_set: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before and after are those of the two files."""
    monkeypatch.setitem(module.BOUNDS, "int8", 0.1)
    other = noisy(2)
    result = measure_precision(fp32, other, "int8", CROPS, accuracy_on(verification_set))
    expected = [accuracy_on(verification_set)(partial(embed, data)) for data in (fp32, other)]
    assert expected[0] != expected[1]
    assert (result.set_name, result.accuracy_before, result.accuracy_after) == ("hard", *expected)


@pytest.mark.parametrize(("precision", "amount", "missed"), [("fp16", 0.02, 0.005), ("int8", 0.2, 0.05)])
def test_each_has_a_bound_of_its_own(fp32: bytes, precision: str, amount: float, missed: float) -> None:
    other = noisy(amount)
    if precision == "fp16":
        other = data_of(to_fp16(ir.serde.deserialize_model(onnx.load_from_string(other))))
    with pytest.raises(ParityError) as error:
        measure_precision(fp32, other, precision, CROPS)
    message = str(error.value)
    bound = {"fp16": "0.9999", "int8": "0.99"}[precision]
    assert message.startswith(f"the mean cosine of {precision} to fp32 is 0.9")
    assert f"(bound {bound})" in message
    assert "take fp32; no file was written" in message
    assert ("more crops" in message) == (precision == "int8")
    assert measure_precision(fp32, noisy(missed), "int8", CROPS).mean_cosine > 0.99


def test_the_bound_is_for_the_mean(fp32: bytes, monkeypatch: pytest.MonkeyPatch, int8: bytes) -> None:
    result = measure_precision(fp32, int8, "int8", CROPS)
    between = (result.mean_cosine + result.min_cosine) / 2
    monkeypatch.setitem(module.BOUNDS, "int8", between)
    assert measure_precision(fp32, int8, "int8", CROPS).min_cosine < between


def test_what_only_a_gpu_would_show() -> None:
    """A value above 65504 between two layers."""
    up, down = (np.eye(3).reshape(3, 3, 1, 1) * factor for factor in (400, 1 / 400))
    layers: list[Layer] = [("Conv", [up], {}), ("Conv", [down], {}), ("Flatten", [], {}), ("Gemm", [np.eye(192)], {})]
    model = chain(*layers, shape=["batch", 3, 8, 8])
    crops = draw_crops(4, size=8)
    half = to_fp16(model)
    assert np.isfinite(embed(data_of(half), crops)).all()
    with pytest.raises(ParityError, match="an embedding in fp16 is not finite, as a value of the network is too large"):
        measure_precision(data_of(model), data_of(half), "fp16", crops)
    halved = np.asarray(crops // 2, dtype=np.uint8)
    assert measure_precision(data_of(model), data_of(half), "fp16", halved).mean_cosine > 0.9999


def test_float16_is_measured_as_on_a_gpu(fp32: bytes, verification_set: Path) -> None:
    half = to_fp16(draw_network())
    result = measure_precision(fp32, data_of(half), "fp16", CROPS, accuracy_on(verification_set))
    on_gpu = embed(data_of(as_on_gpu(half)), CROPS)
    assert result.mean_cosine == pytest.approx(cosines(embed(fp32, CROPS), on_gpu).mean(), abs=1e-7)
    assert result.accuracy_after is not None


def test_a_fixed_batch(verification_set: Path) -> None:
    """As many crops as there are, whatever the file takes at once."""
    fixed = draw_network(batch=3)
    crops = CROPS[:7]
    result = measure_precision(data_of(draw_network()), data_of(fixed), "int8", crops, accuracy_on(verification_set))
    assert result.min_cosine == pytest.approx(1, abs=1e-6)
    assert result.accuracy_before == result.accuracy_after
    int8 = to_int8(fixed, crops)
    assert measure_precision(data_of(fixed), data_of(int8), "int8", crops).mean_cosine > 0.99


def test_inputs_that_do_not_fit(fp32: bytes, int8: bytes, verification_set: Path) -> None:
    with pytest.raises(UsageError, match="there is no crop"):
        measure_precision(fp32, int8, "int8", CROPS[:0])
    with pytest.raises(UsageError, match="images of 8x8x3"):
        measure_precision(fp32, int8, "int8", draw_crops(3, size=8))
    other = data_of(chain(("Flatten", [], {}), ("Gemm", [np.eye(192)], {}), shape=["batch", 3, 8, 8]))
    with pytest.raises(DataError, match="hard: images of 24x24 pixels; the network takes 8x8"):
        measure_precision(other, other, "int8", draw_crops(3, size=8), accuracy_on(verification_set))


@pytest.mark.parametrize(
    ("milliseconds", "accuracy", "remark"),
    [
        ((2.0, 1.0), (None, None), None),
        ((2.0, 2.03), (None, None), None),
        ((2.0, 2.5), (None, None), "int8 is slower than fp32 on this machine (2.50 ms against 2.00 ms)"),
        ((2.0, 1.0), (0.95, 0.9485), None),
        ((2.0, 1.0), (0.94, 0.95), None),
        ((2.0, 1.0), (0.95, 0.9465), "int8 loses 0.35 points of accuracy on lfw"),
        (
            (2.0, 2.5),
            (0.95, 0.94),
            "int8 is slower than fp32 on this machine (2.50 ms against 2.00 ms) and loses 1.00 points of accuracy on "
            "lfw",
        ),
    ],
)
def test_what_speaks_against_it(
    milliseconds: tuple[float, float], accuracy: tuple[float | None, float | None], remark: str | None
) -> None:
    assert Precision("int8", 100, 0.99, 0.98, *milliseconds, "lfw", *accuracy).remark == remark


def test_without_jittor() -> None:
    """Precision belongs to a file: it must not take the training environment."""
    code = "import sys; sys.modules['jittor'] = None; import sface.export.precision, sface.export.precision.int8"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

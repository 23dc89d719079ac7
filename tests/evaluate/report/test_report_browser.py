"""A report as a browser shows it: headless Chromium, driven over a pipe with its DevTools protocol.

https://chromedevtools.github.io/devtools-protocol/: JSON messages, each ended by a zero byte; Chromium reads them from
file descriptor 3 and writes to 4.
"""

import base64
import fcntl
import io
import json
import os
import select
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from sface.evaluate.evaluated_model import EvaluatedModel
from sface.evaluate.report.html_report import write_report
from tests.evaluate.evaluations import drawn_comparisons, evaluated_model, evaluated_set, robustness_rows

pytestmark = pytest.mark.browser

SECONDS = 60  # that an answer may take
FLAGS = (
    "--headless",
    "--no-sandbox",  # without which it doesn't start as root
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--remote-debugging-pipe",
)
WIDTHS = (360, 390, 1400)
# What a browser tells of a page that isn't right: messages, errors of scripts, and its own complaints.
COMPLAINTS = ("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded")


class Browser:
    """Chromium with one empty page. `events` are what it has told without being asked."""

    def __init__(self, chromium: str, profile: Path) -> None:
        (theirs_in, self._to), (self._from, theirs_out) = (map(_high, os.pipe()) for _ in range(2))
        command = [chromium, *FLAGS, f"--user-data-dir={profile}", "about:blank"]
        self._process = subprocess.Popen(
            ["bash", "-c", f'exec "$@" 3<&{theirs_in} 4>&{theirs_out}', "bash", *command],
            pass_fds=(theirs_in, theirs_out),
            stdin=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(theirs_in)
        os.close(theirs_out)
        self._received = b""
        self._number = 0
        self._session: dict[str, str] = {}
        self.events: list[dict[str, Any]] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = {"sessionId": self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]}
        for domain in ("Page", "Network", "Log", "Runtime"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Have a command done, and give its result."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": params, **self._session}
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._receive()
            if answer.get("id") == self._number:
                assert "error" not in answer, answer["error"]
                result: dict[str, Any] = answer["result"]
                return result
            self.events.append(answer)

    def show(self, page: Path, width: int, scheme: str) -> None:
        """Load a page in a window of that width; `events` are those since then."""
        self.events = []
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=width < 600
        )
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        self.call("Page.navigate", url=page.as_uri())
        while not self.told("Page.loadEventFired"):
            self.events.append(self._receive())

    def told(self, *methods: str) -> list[dict[str, Any]]:
        """What was told by these names."""
        return [event["params"] for event in self.events if event.get("method") in methods]

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression in the page."""
        return self.call("Runtime.evaluate", expression=expression, returnByValue=True)["result"].get("value")

    def complaints(self) -> list[str]:
        """Which of COMPLAINTS were told since the page was loaded, until it has been drawn twice more."""
        twice = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
        self.call("Runtime.evaluate", expression=twice, awaitPromise=True)
        return [event["method"] for event in self.events if event.get("method") in COMPLAINTS]

    def screenshot(self) -> Image.Image:
        """The whole page."""
        width, height = self.evaluate("[innerWidth, document.documentElement.scrollHeight]")
        clip = {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}
        data = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True, clip=clip)["data"]
        return Image.open(io.BytesIO(base64.b64decode(data)))

    def close(self) -> None:
        """End it and wait until its files are no longer in use."""
        self._session = {}
        self.call("Browser.close")
        self._process.wait(SECONDS)
        os.close(self._to)
        os.close(self._from)

    def _receive(self) -> dict[str, Any]:
        while b"\0" not in self._received:
            assert select.select([self._from], [], [], SECONDS)[0], "Chromium doesn't answer"
            data = os.read(self._from, 1 << 20)
            assert data, "Chromium has ended"
            self._received += data
        message, _, self._received = self._received.partition(b"\0")
        answer: dict[str, Any] = json.loads(message)
        return answer


def _high(descriptor: int) -> int:
    """The same under a number that isn't in the way of 3 and 4."""
    high = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 10)
    os.close(descriptor)
    return high


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None or shutil.which("bash") is None:
        pytest.skip("needs Chromium and bash: apt-get install chromium")
    browser = Browser(chromium, tmp_path_factory.mktemp("profile"))
    yield browser
    browser.close()


def a_model(name: str, *, seed: int) -> EvaluatedModel:
    """Measured on a set with everything and on one with little."""
    comparisons = drawn_comparisons(pairs=800, apart=0.35, failed=2, seed=seed)
    accuracy = evaluated_set(comparisons).figures.accuracy
    assert accuracy is not None
    rows = robustness_rows(accuracy, 0.02, 0.05, 0.2)
    return evaluated_model(
        evaluated_set(comparisons, threshold=0.3, robustness=rows),
        evaluated_set(drawn_comparisons("people", folds=False, seed=seed), pictures=None),
        name=name,
    )


@pytest.fixture(scope="module", params=["one model", "three models with long names"])
def report(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    names = ["face.onnx"]
    if request.param != "one model":
        names += ["mobilefacenet_celeba293_distilled_from_sface_int8_per_channel.onnx", "n" * 90]
    path = tmp_path_factory.mktemp("report") / "report.html"
    write_report(path, [a_model(name, seed=seed) for seed, name in enumerate(names)])
    return path


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_a_report_in_a_browser(browser: Browser, report: Path, width: int, scheme: str) -> None:
    browser.show(report, width, scheme)
    urls = [request["request"]["url"] for request in browser.told("Network.requestWillBeSent")]
    assert [url for url in urls if not url.startswith("data:")] == [report.as_uri()]
    assert browser.told("Network.loadingFailed") == []

    assert browser.evaluate("innerWidth") == width
    assert browser.evaluate("document.documentElement.scrollWidth") <= width
    assert browser.evaluate("document.body.scrollWidth") <= width
    assert browser.evaluate("[...document.images].every(image => image.complete && image.naturalWidth > 0)")
    # Letters of a picture, as wide as it is shown.
    smallest = browser.evaluate("Math.min(...[...document.querySelectorAll('svg')].map(svg => svg.getScreenCTM().a))")
    assert 11 * smallest >= 10

    pixels = np.asarray(browser.screenshot().convert("L")).astype(float)
    ground = np.median(pixels)
    assert (ground > 200) == (scheme == "light") and (ground < 60) == (scheme == "dark")
    # In every part of the page as high as a window something differs from the ground.
    for top in range(0, len(pixels) - 900, 900):
        assert (np.abs(pixels[top : top + 900] - ground) > 60).mean() > 0.002
    assert browser.complaints() == []


def test_what_a_page_would_be_caught_at(browser: Browser, tmp_path: Path) -> None:
    """The checks above see a request, a message, a thrown error and a page that is too wide, also if it comes late."""
    page = tmp_path / "bad.html"
    page.write_text(
        "<meta name=viewport content='width=device-width'><body style='width: 900px'><img src='http://127.0.0.1:9/a.png'>"
        "<script>addEventListener('load', () => requestAnimationFrame(() => {"
        "console.warn('here'); throw new Error('thrown')}))</script>"
    )
    browser.show(page, 390, "light")
    assert len(browser.told("Network.requestWillBeSent")) == 2
    assert set(browser.complaints()) == set(COMPLAINTS)
    assert browser.evaluate("document.body.scrollWidth") > 390

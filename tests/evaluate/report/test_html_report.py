"""The report: all that was measured is in it, nothing that a file says becomes markup, and it stands alone."""

import base64
import dataclasses
import io
import subprocess
import sys
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest
from PIL import Image

from sface.errors import DependencyError, StorageError, UsageError
from sface.evaluate.evaluated_model import EvaluatedModel
from sface.evaluate.figures.accuracy_gain import accuracy_gain
from sface.evaluate.figures.figures import Rate, Source
from sface.evaluate.report.formatting import asked, percent
from sface.evaluate.report.html_report import check_target, write_report
from tests.evaluate.evaluations import drawn_comparisons, evaluated_model, evaluated_set, robustness_rows
from tests.test_files import largest_file

VOID = {"meta", "link", "img", "br", "wbr"}
WORDS = (  # that a report explains
    "Similarity and threshold",
    "False match rate (FMR)",
    "False non-match rate (FNMR)",
    "True acceptance rate (TAR)",
    "Accuracy, 10 folds",
    "Equal error rate (EER)",
    "Area under the ROC curve",
    "Failure to acquire (FTA)",
    "Intervals",
    "No error seen",
    "ROC and DET curve",
    "Degraded pictures",
)


class Page(HTMLParser):
    """A report, read back: its elements, its text, its tables. Fails where an element is not closed."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.source = path.read_text(encoding="utf-8")
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.words: list[str] = []
        self.rows: list[list[str]] = []
        self.feed(self.source)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("th", "td"):
            self.rows[-1].append("")
        if tag == "small" and {"th", "td"} & set(self.open):
            self.rows[-1][-1] += " "  # a line of its own

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.words.append(data)
        if {"th", "td"} & set(self.open):
            self.rows[-1][-1] += data

    @property
    def text(self) -> str:
        return " ".join("".join(self.words).split())

    def row(self, head: str) -> list[str]:
        """The cells beside the first head that starts so."""
        return next([" ".join(cell.split()) for cell in cells[1:]] for cells in self.rows if cells[0].startswith(head))

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.elements if name == tag]


def written(path: Path, *models: EvaluatedModel) -> Page:
    write_report(path / "report.html", models)
    return Page(path / "report.html")


def both(rate: Rate) -> str:
    return f"{percent(rate.value)} {interval(rate.low, rate.high)} {rate.errors} of {rate.count}"


def interval(low: float, high: float) -> str:
    return f"{percent(low)[:-2]} to {percent(high)}"


def test_all_figures_with_intervals_and_counts(tmp_path: Path) -> None:
    one = evaluated_set(drawn_comparisons(failed=3), threshold=0.3)
    page = written(tmp_path, evaluated_model(one))
    figures = one.figures
    accuracy, own = figures.accuracy, figures.at_threshold
    assert accuracy is not None and own is not None
    (cell,) = page.row("Accuracy, 10 folds")
    assert cell.startswith(f"{100 * accuracy.value:.2f} % {interval(accuracy.low, accuracy.high)}")
    assert f"{accuracy.right.sum()} of 400 pairs right" in cell and f"± {percent(accuracy.std)}" in cell
    assert page.row("Equal error rate")[0].startswith(
        f"{percent(figures.eer.value)} {interval(figures.eer.low, figures.eer.high)}"
    )
    assert page.row("Area under") == [f"{figures.auc:.6f}"]
    assert page.row("Failure to acquire") == [both(figures.fta)] and figures.fta.errors == 6
    assert page.row("Pairs of the same person") == ["197"] and page.row("Pairs of different people") == ["197"]
    assert page.row("People")[0].startswith(f"{figures.people} ")
    assert page.row("Length of raw") == ["21.50"]
    for head, point in (("the model's own", own), ("for FMR 10 %", figures.points[0])):
        tar = f"{percent(1 - point.fnmr.value)} {interval(1 - point.fnmr.high, 1 - point.fnmr.low)}"
        assert page.row(head) == [
            f"{point.threshold:.4f}",
            both(point.fmr),
            both(point.fnmr),
            tar,
            both(point.fnmr_with_failures),
        ]
    for fmr, pairs in figures.unsupported:
        assert f"{asked(fmr)} takes {pairs:,}" in page.text
    assert "the set has only 197 pairs of different people" in page.text


def test_failures_are_counted_in_a_column_only_where_there_are_some(tmp_path: Path) -> None:
    assert "failures counted" in written(tmp_path, evaluated_model(evaluated_set(drawn_comparisons(failed=1)))).text
    page = written(tmp_path, evaluated_model(evaluated_set(drawn_comparisons())))
    assert not any("failures counted" in cell for cells in page.rows for cell in cells)
    assert "pictures gave no face" not in page.text


def test_the_summary_says_it_in_words(tmp_path: Path) -> None:
    one = evaluated_set(drawn_comparisons(failed=3), threshold=0.3)
    page = written(tmp_path, evaluated_model(one, detector="yunet"))
    own = one.figures.at_threshold
    assert own is not None
    assert (
        f"At the model's own threshold, 0.300: {own.fmr.errors} of 197 pairs of different people taken for the same "
        f"person, {own.fnmr.errors} of 197 pairs of the same person not recognised." in page.text
    )
    assert "6 of 800 pictures gave no face to compare (faces found by yunet)." in page.text
    assert f"False match rates below {percent(3 / 197)} can't be told" in page.text


def test_a_set_without_folds_and_a_model_without_threshold(tmp_path: Path) -> None:
    one = evaluated_set(drawn_comparisons(folds=False))
    page = written(tmp_path, evaluated_model(one))
    assert not any(cells[0].startswith(("Accuracy", "the model's own")) for cells in page.rows)
    point = one.figures.points[-1]
    assert f"{percent(1 - point.fnmr.value)} {interval(1 - point.fnmr.high, 1 - point.fnmr.low)}" in page.text
    assert "of pairs of the same person recognised at a false match rate of 10 %" in page.text
    assert f"At the threshold of equal error, {one.figures.eer_threshold:.3f}." in page.text


def test_the_threshold_of_the_pictures(tmp_path: Path) -> None:
    comparisons = drawn_comparisons()
    page = written(tmp_path, evaluated_model(evaluated_set(comparisons, threshold=0.3)))
    assert "At the model's own threshold, 0.300." in page.text and "threshold 0.300" in page.text
    told: dict[Source, str] = {"given": "the given threshold", "published": "the publisher's threshold"}
    for source, words in told.items():
        page = written(tmp_path, evaluated_model(evaluated_set(comparisons, threshold=0.3, source=source)))
        assert f"At {words}, 0.300." in page.text and f"At {words}, 0.300: " in page.text
        assert page.row(words)[0] == "0.3000" and f"Threshold: {words}." in page.text
        assert "own threshold," not in page.text
    one = evaluated_set(comparisons)
    assert one.figures.accuracy is not None
    place = f"{1 - one.figures.accuracy.threshold / 2:.3f}"
    page = written(tmp_path, evaluated_model(one))
    assert f"At the mean threshold of the ten folds, {place}." in page.text and f"threshold {place}" in page.text


def test_too_few_pairs_for_any_rate(tmp_path: Path) -> None:
    one = evaluated_set(drawn_comparisons(pairs=40, folds=False))
    assert one.figures.points == ()
    page = written(tmp_path, evaluated_model(one))
    assert percent(one.figures.eer.value) in page.text and "10 % takes 30" in page.text


def test_the_worst_errors_as_pictures(tmp_path: Path) -> None:
    page = written(tmp_path, evaluated_model(evaluated_set(drawn_comparisons(apart=0.3), threshold=0.25)))
    pictures = page.all("img")
    assert len(pictures) == 24
    kinds = [picture["alt"].split(": ")[1] for picture in pictures]
    assert kinds == 12 * ["two pictures of different people"] + 12 * ["two pictures of the same person"]
    data = pictures[0]["src"].removeprefix("data:image/jpeg;base64,")
    assert Image.open(io.BytesIO(base64.b64decode(data, validate=True))).format == "JPEG"
    assert "the most similar first; 12 of them are shown" in page.text
    assert "This report shows faces of people. They are personal data" in page.text


def test_a_set_without_pictures_shows_no_faces(tmp_path: Path) -> None:
    page = written(tmp_path, evaluated_model(evaluated_set(drawn_comparisons(), pictures=None)))
    assert page.all("img") == []
    assert "This report shows no faces." in page.text and "personal data" not in page.text


def test_a_set_without_errors(tmp_path: Path) -> None:
    page = written(tmp_path, evaluated_model(evaluated_set(drawn_comparisons(apart=5), threshold=0.8)))
    assert "No pair of different people is taken for the same person." in page.text
    assert "No pair of the same person is not recognised." in page.text
    assert "This report shows no faces." in page.text


def test_robustness(tmp_path: Path) -> None:
    comparisons = drawn_comparisons()
    accuracy = evaluated_set(comparisons).figures.accuracy
    assert accuracy is not None
    one = evaluated_set(comparisons, robustness=robustness_rows(accuracy, 0.025))
    page = written(tmp_path, evaluated_model(one))
    assert page.row("clean") == [f"{percent(accuracy.value)} {interval(accuracy.low, accuracy.high)}"]
    (cell,) = page.row("blur, sigma 1 px")
    assert cell.startswith(percent(accuracy.value - 0.025)) and cell.endswith("−2.50 points, −3.50 to −1.50")
    assert (
        "Degraded pictures"
        not in written(tmp_path, evaluated_model(evaluated_set(comparisons))).text.split("How to")[0]
    )


def test_several_models_in_one_table_and_one_figure(tmp_path: Path) -> None:
    drawn = drawn_comparisons(seed=1)
    otherwise = dataclasses.replace(drawn, similarity=drawn_comparisons(seed=2).similarity)
    lfw, other = (evaluated_set(seen, threshold=0.3) for seen in (drawn, otherwise))
    cplfw = evaluated_set(drawn_comparisons("cplfw", seed=3))
    gain = accuracy_gain(other, lfw)
    other = dataclasses.replace(other, accuracy_gain=gain)
    page = written(tmp_path, evaluated_model(lfw, cplfw, name="a.onnx"), evaluated_model(other, name="b.onnx"))
    accuracies = [entry.figures.accuracy for entry in (lfw, other)]
    cells = page.row("Accuracy, 10 folds")
    assert len(cells) == 2
    for cell, accuracy in zip(cells, accuracies, strict=True):
        assert accuracy is not None and cell.startswith(percent(accuracy.value))
    assert gain is not None
    assert page.row("Accuracy gain over a.onnx")[1].startswith(f"{100 * gain.value:+.2f}".replace("-", "−"))
    titles = [attributes.get("aria-label", "") for attributes in page.all("svg")]
    assert sum(title.startswith("ROC curve on lfw: a.onnx") and "b.onnx" in title for title in titles) == 1
    assert sum(title.startswith("ROC curve on cplfw") and "b.onnx" not in title for title in titles) == 1
    assert [section["id"] for section in page.all("section")] == ["summary", "set-1", "set-2", "models", "words"]
    heads = [cells[0].split() for cells in page.rows if cells[0].startswith("the model's own")]
    assert heads == [["the", "model's", "own", "threshold", name] for name in ("a.onnx", "b.onnx")]


def test_models_of_the_same_name_are_numbered(tmp_path: Path) -> None:
    one = evaluated_model(evaluated_set(drawn_comparisons()))
    page = written(tmp_path, one, dataclasses.replace(one, detector="mtcnn"))
    assert [cell.strip() for cell in page.rows[0][1:]] == ["face.onnx (1)", "face.onnx (2)"]
    names = ["a (1)", "a", "a", "a (3)", "b", "a (3)"]
    page = written(tmp_path, *(dataclasses.replace(one, path=name) for name in names))
    assert [cell.strip() for cell in page.rows[0][1:]] == ["a (1)", "a (2)", "a (4)", "a (3) (1)", "b", "a (3) (2)"]


def test_where_it_comes_from(tmp_path: Path) -> None:
    model = evaluated_model(evaluated_set(drawn_comparisons()), metadata={"network": "IR_50", "loss": ""})
    page = written(tmp_path, dataclasses.replace(model, detector="yunet", flip=False, version="9.8.7"))
    assert page.row("sha256") == ["5f" * 32]
    assert page.row("network") == ["IR_50"] and page.row("loss") == ["–"]
    assert page.row("Faces") == ["found by yunet"] and page.row("Embeddings") == ["without mirror images"]
    assert page.row("Measured by") == ["sface 9.8.7"]
    assert model.command in page.text and "lfw as drawn" in page.text


HOSTILE = "<script>alert(1)</script>\"'&\x1b[31m\u202e\udcff</style>--><img src=x onerror=alert(2)>"


def saying(text: str) -> EvaluatedModel:
    """A model whose every text is this one."""
    comparisons = dataclasses.replace(drawn_comparisons(text), protocol=text)
    accuracy = evaluated_set(comparisons).figures.accuracy
    assert accuracy is not None
    rows = tuple(dataclasses.replace(row, level=text) for row in robustness_rows(accuracy, 0.1))
    entry = evaluated_set(comparisons, threshold=0.3, robustness=rows)
    return EvaluatedModel(text.replace("/", "_"), text, text, {text: text}, text, True, text, text, (entry,))


def test_what_files_say_is_escaped(tmp_path: Path) -> None:
    page, calm = (written(tmp_path, saying(text)) for text in (HOSTILE, "words"))
    assert {tag for tag, _ in page.elements} - {"wbr"} == {tag for tag, _ in calm.elements}
    assert not any(name.startswith("on") for _, attributes in page.elements for name in attributes)
    assert "<script>alert(1)</script>\"'&\\x1b[31m" in page.text
    assert not any(letter in page.source for letter in "\x1b\u202e")


def test_it_stands_alone(tmp_path: Path) -> None:
    page = written(tmp_path, evaluated_model(evaluated_set(drawn_comparisons(apart=0.3), threshold=0.3)))
    (policy,) = [meta["content"] for meta in page.all("meta") if meta.get("http-equiv") == "Content-Security-Policy"]
    assert policy == "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    for _, attributes in page.elements:
        for name, value in attributes.items():
            if name in ("src", "href", "xlink:href"):
                assert value.startswith(("data:", "#"))
    assert "url(" not in page.source.split("</style>")[0] and "@import" not in page.source
    anchors = {link["href"] for link in page.all("a")}
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids)) and anchors <= {f"#{name}" for name in ids}


def test_accessible(tmp_path: Path) -> None:
    page = written(tmp_path, evaluated_model(evaluated_set(drawn_comparisons(apart=0.3), threshold=0.3)))
    assert page.all("html") == [{"lang": "en"}]
    assert len(page.all("h1")) == len(page.all("title")) == 1
    levels = [int(tag[1]) for tag, _ in page.elements if tag in ("h1", "h2", "h3", "h4")]
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert all(head.get("scope") in ("row", "col") for head in page.all("th"))
    assert all(picture["alt"] for picture in page.all("img"))
    assert all(picture.get("role") == "img" and picture["aria-label"] for picture in page.all("svg"))
    assert len(page.all("caption")) == len(page.all("table"))
    assert all(word in page.text.split("How to read this")[-1] for word in WORDS)


def test_the_same_bytes_every_time_over_what_was_there(tmp_path: Path) -> None:
    model = evaluated_model(evaluated_set(drawn_comparisons(apart=0.3)))
    (tmp_path / "report.html").write_text("old")
    first = written(tmp_path, model).source
    assert written(tmp_path, model).source == first
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


def test_a_full_disk_leaves_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "report.html").write_text("old")
    model = evaluated_model(evaluated_set(drawn_comparisons()))
    with largest_file(10_000), pytest.raises(StorageError, match=r"report\.html: could not be written"):
        write_report(tmp_path / "report.html", [model])
    assert (tmp_path / "report.html").read_text() == "old"


@pytest.mark.parametrize("name", ["report", "model.onnx", "report.html.png"])
def test_a_path_that_is_no_report(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"can't be written as a report; end its name in \.html or \.htm"):
        check_target(tmp_path / name)


def test_a_folder_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "report.html").mkdir()
    with pytest.raises(UsageError, match="is a folder; name a file"):
        write_report(tmp_path / "report.html", [])


def test_without_matplotlib(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(DependencyError, match=r"matplotlib is not installed: pip install 'sface\[eval\]'"):
        write_report(tmp_path / "report.html", [])
    assert not any(tmp_path.iterdir())


def test_imports_nothing_heavy() -> None:
    code = (
        "import sys, sface.evaluate.report.html_report\n"
        "heavy = ('matplotlib', 'sklearn', 'PIL', 'jittor', 'onnx', 'onnxruntime')\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"

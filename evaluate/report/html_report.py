"""One self-contained HTML page of what was measured: figures, curves, the worst errors, where all of it comes from.

The page needs no network and runs no script. What comes from files (names, metadata, commands) is escaped.
The HTML is in templates/report.html.j2.
"""

from collections.abc import Mapping, Sequence
from itertools import count
from pathlib import Path
from tempfile import TemporaryFile

from ... import files
from ...errors import UsageError
from ...runtime import dependencies
from ..evaluated_model import EvaluatedModel
from .rendering import render_html
from .report_content import headline, limits, report_set

SUFFIXES = (".html", ".htm")


def check_target(path: Path) -> None:
    """Raises UsageError where the path is no place for a report, StorageError where nothing can be written there,
    DependencyError without matplotlib or Jinja2. A folder that is missing is made, as by `write_report`.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise UsageError(f"can't be written as a report; end its name in {' or '.join(SUFFIXES)}", path=path)
    if path.is_dir():
        raise UsageError("is a folder", path=path, remedy="name a file for the report")
    dependencies.require("matplotlib", "eval")
    dependencies.require("jinja2", "eval")
    with files.storing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=path.parent):
            pass


def write_report(path: Path, models: Sequence[EvaluatedModel]) -> None:
    """Write the report of one model or several. Sets of the same name stand in one section, their curves in one figure.

    Raises UsageError, DependencyError and StorageError as `check_target`; then nothing is written.
    """
    check_target(path)
    files.write_text(path, _page(dict(zip(_names(models), models, strict=True))))


def _names(models: Sequence[EvaluatedModel]) -> list[str]:
    """The models' names, each once; those that are not the only one of their name have a number."""
    names = [model.name for model in models]
    found: list[str] = []
    for name in names:
        numbered = (f"{name} ({number})" for number in count(1))
        alone = names.count(name) == 1
        found.append(name if alone else next(each for each in numbered if each not in {*names, *found}))
    return found


def _page(models: Mapping[str, EvaluatedModel]) -> str:
    names = dict.fromkeys(entry.comparisons.name for model in models.values() for entry in model.sets)
    sets = [report_set(f"set-{number}", name, models) for number, name in enumerate(names, 1)]
    return render_html(
        "report.html.j2",
        models=models,
        sets=sets,
        limits=limits(models),
        headline=headline,
        shows_faces=any(each.shows_faces for each in sets),
    )

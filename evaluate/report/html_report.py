"""One self-contained HTML page of what was measured: figures, curves, the worst errors, where all of it comes from.

The page needs no network and runs no script. What comes from files (names, metadata, commands) is escaped.
"""

from collections.abc import Mapping, Sequence
from itertools import count
from pathlib import Path
from tempfile import TemporaryFile

from ... import files
from ...errors import UsageError
from ...runtime import dependencies
from ..evaluated import EvaluatedModel, EvaluatedSet
from .formatting import counted
from .report_sections import models_section, set_section, summary, words_section
from .report_style import STYLE
from .report_tables import visible

SUFFIXES = (".html", ".htm")

_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
_FACES = (
    "This report shows faces of people. They are personal data: keep this file where the photos themselves may be "
    "kept, and give it to nobody who may not see them."
)


def check_target(path: Path) -> None:
    """Raises UsageError where the path is no place for a report, StorageError where nothing can be written there,
    DependencyError where nothing can draw one. A folder that is missing is made, as by `write_report`.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise UsageError(f"can't be written as a report; end its name in {' or '.join(SUFFIXES)}", path=path)
    if path.is_dir():
        raise UsageError("is a folder", path=path, remedy="name a file for the report")
    dependencies.require("matplotlib", "eval")
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
    sets = list(dict.fromkeys(entry.comparisons.name for model in models.values() for entry in model.sets))
    anchors = {name: f"set-{number}" for number, name in enumerate(sets, 1)}
    links = {"summary": "Summary", **{anchors[name]: visible(name) for name in sets}}
    links |= {"models": "The models", "words": "How to read this"}
    sections = [
        summary(models),
        *(set_section(anchors[name], name, {model: _of(models[model], name) for model in models}) for name in sets),
        models_section(models),
        words_section(),
    ]
    shows_faces = any("<img " in section for section in sections)
    return "\n".join(
        [
            '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="color-scheme" content="light dark">',
            '<link rel="icon" href="data:,">',
            f"<title>Face verification: {visible(', '.join(models))}</title>",
            f"<style>{STYLE}</style>\n</head>\n<body>\n<header>\n<h1>Face verification report</h1>",
            f'<p class="soft">{counted(len(models), "model")} on {counted(len(sets), "set")} of pairs of faces</p>',
            f'<p class="notice">{_FACES if shows_faces else "This report shows no faces."}</p>',
            '<nav aria-label="Sections">\n<ul>',
            *(f'<li><a href="#{anchor}">{title}</a></li>' for anchor, title in links.items()),
            "</ul>\n</nav>\n</header>\n<main>",
            *sections,
            "</main>\n</body>\n</html>\n",
        ]
    )


def _of(model: EvaluatedModel, name: str) -> EvaluatedSet | None:
    """The set of that name, if the model was measured on it."""
    return next((entry for entry in model.sets if entry.comparisons.name == name), None)

"""The sections of a report: the summary, each set, the models, the words."""

import base64
from collections.abc import Mapping, Sequence

from ..evaluated import EvaluatedModel, EvaluatedSet
from ..figures.accuracy_gain import accuracy_gain
from ..figures.figures import Estimate, Figures, RobustnessRow
from . import plots
from .contact_sheet import ShownPair, contact_sheet
from .formatting import asked, counted, interval, of_origin, percent
from .report_style import WORDS
from .report_tables import (
    NONE,
    breakable,
    cosine,
    figures_table,
    points_table,
    robustness_table,
    table,
    unsupported,
    visible,
)


def summary(models: Mapping[str, EvaluatedModel]) -> str:
    """For each model, by its name, what a person wants to know first, and what the sets can't tell."""
    parts = ['<div class="cards">']
    for name, model in models.items():
        parts += [f'<div class="card">\n<h3>{breakable(name)}</h3>\n<div class="shorts">']
        parts += [*map(_in_short, model.sets), "</div>\n</div>"]
    return _section("summary", "Summary", [*parts, "</div>\n<ul>", *_limits(models), "</ul>"])


def set_section(anchor: str, name: str, models: Mapping[str, EvaluatedSet | None]) -> str:
    """All of one set. A model, by its name, is None where it wasn't measured on it."""
    there = {model: entry for model, entry in models.items() if entry is not None}
    figures = {model: entry.figures for model, entry in there.items()}
    protocols = dict.fromkeys(visible(entry.comparisons.protocol) for entry in there.values())
    parts = [
        *(f'<p class="soft">{protocol}</p>' for protocol in protocols),
        figures_table(figures, _gains(there)),
        points_table(figures),
        unsupported(figures),
        "<h3>Curves</h3>",
        *_curves(name, {model: entry.figures if entry else None for model, entry in models.items()}),
        "<h3>Similarities</h3>",
        '<div class="beside">',
        *(_histogram(model, entry) for model, entry in there.items()),
        "</div>",
        *(part for model, entry in there.items() for part in _errors(model, entry)),
    ]
    if any(entry.robustness for entry in there.values()):
        parts += _robustness(name, {model: entry.robustness if entry else () for model, entry in models.items()})
    return _section(anchor, breakable(name), parts)


def _gains(models: Mapping[str, EvaluatedSet]) -> dict[str, Estimate]:
    """Of each model over the first, where they can be compared."""
    found = {}
    for model, entry in list(models.items())[1:]:
        gain = accuracy_gain(entry, next(iter(models.values())))
        if gain is not None:
            found[model] = gain
    return found


def models_section(models: Mapping[str, EvaluatedModel]) -> str:
    """What each file says of itself, its sha256, and how it was measured."""
    parts = ['<div class="beside">', *(_model(name, model) for name, model in models.items()), "</div>"]
    return _section("models", "The models", parts)


def words_section() -> str:
    """What each figure means."""
    told = "\n".join(f"<div><dt>{word}</dt><dd>{meaning}</dd></div>" for word, meaning in WORDS.items())
    return _section("words", "How to read this", [f"<dl>{told}</dl>"])


def decision_threshold(figures: Figures) -> tuple[float, str]:
    """The similarity at which errors are shown, and what it is: the given threshold or the model's own, else that of
    the ten folds, else that of equal error.
    """
    if figures.at_threshold is not None:
        return figures.at_threshold.threshold, of_origin(figures.at_threshold.source)
    if figures.accuracy is not None:
        return 1 - figures.accuracy.threshold / 2, "the mean threshold of the ten folds"
    return figures.eer_threshold, "the threshold of equal error"


def _section(anchor: str, title: str, parts: Sequence[str]) -> str:
    head = f'<section id="{anchor}" aria-labelledby="{anchor}-title">\n<h2 id="{anchor}-title">{title}</h2>'
    return "\n".join([head, *parts, "</section>"])


def _in_short(entry: EvaluatedSet) -> str:
    """The first figure of a set, and the errors at the threshold that was given, or the model's own."""
    figures = entry.figures
    if (accuracy := figures.accuracy) is not None:
        value, low, high = accuracy.value, accuracy.low, accuracy.high
        what = f"of {counted(len(accuracy.right), 'pair')} decided rightly"
    elif figures.points:
        point = figures.points[-1]
        value, low, high = 1 - point.fnmr.value, 1 - point.fnmr.high, 1 - point.fnmr.low
        what = f"of pairs of the same person recognised at a false match rate of {asked(point.fmr_asked or 0)}"
    else:
        value, low, high = figures.eer.value, figures.eer.low, figures.eer.high
        what = "errors of both kinds, where they are equally frequent"
    lines = [
        f"<div><h4>{breakable(entry.comparisons.name)}</h4>",
        f'<p class="headline"><b>{percent(value)}</b> <small>{interval(low, high)}</small></p>',
        f"<p>{what}.</p>",
    ]
    if (own := figures.at_threshold) is not None:
        lines.append(
            f"<p>At {of_origin(own.source)}, {cosine(own.threshold)}: {own.fmr.errors:,} of "
            f"{counted(own.fmr.count, 'pair')} of different people taken for the same person, {own.fnmr.errors:,} of "
            f"{counted(own.fnmr.count, 'pair')} of the same person not recognised.</p>"
        )
    return "\n".join([*lines, "</div>"])


def _limits(models: Mapping[str, EvaluatedModel]) -> list[str]:
    """What is to be borne in mind, as items of a list."""
    items = ["Beside each figure: its interval of 95 %, over the people of the set."]
    for model in models.values():
        for entry in model.sets:
            figures, name = entry.figures, breakable(entry.comparisons.name)
            items.append(
                f"{name}: {counted(figures.genuine, 'pair')} of the same person and {figures.impostor:,} of different "
                f"people among {figures.people:,} people. False match rates below "
                f"{percent(float(figures.curve.fmr.min()))} can't be told from it."
            )
            if figures.failed:
                found = "" if model.detector == "aligned" else f" (faces found by {visible(model.detector)})"
                pictures = counted(figures.photos, "picture")
                items.append(f"{name}: {figures.failed:,} of {pictures} gave no face to compare{found}.")
    return [f"<li>{item}</li>" for item in dict.fromkeys(items)]


def _curves(name: str, models: Mapping[str, Figures | None]) -> list[str]:
    shown = ", ".join(f"{model} (EER {percent(one.eer.value)})" for model, one in models.items() if one is not None)
    dots = any(one is not None and one.at_threshold is not None for one in models.values())
    note = " Dots: the thresholds given, or the models' own, where the set can tell their rate." if dots else ""
    return [
        '<div class="beside">',
        _figure(plots.roc(models), f"ROC curve on {name}: {shown}", f"<b>ROC.</b> Higher is better.{note}"),
        _figure(
            plots.det(models),
            f"DET curve on {name}: {shown}",
            f"<b>DET.</b> Lower is better; on the dotted line both rates are equal.{note}",
        ),
        "</div>",
    ]


def _histogram(model: str, entry: EvaluatedSet) -> str:
    threshold, what = decision_threshold(entry.figures)
    return _figure(
        plots.histogram(entry.comparisons, threshold),
        f"Histogram of the similarities of {model} on {entry.comparisons.name}, of pairs of the same person and of "
        f"different people, with {what}, {cosine(threshold)}",
        f"<b>{breakable(model)}.</b> Threshold: {what}.",
    )


def _figure(svg: str, alt: str, caption: str) -> str:
    picture = svg.replace("<svg", f'<svg role="img" aria-label="{visible(alt)}"', 1)
    return f"<figure>{picture}<figcaption>{caption}</figcaption></figure>"


def _errors(model: str, entry: EvaluatedSet) -> list[str]:
    """The worst errors of a model on a set, face by face; nothing where the set has no pictures."""
    if entry.pictures is None:
        return []
    threshold, what = decision_threshold(entry.figures)
    sheet = contact_sheet(entry, threshold)
    return [
        f"<h3>Worst errors of {breakable(model)}</h3>",
        f'<p class="soft">At {what}, {cosine(threshold)}.</p>',
        *_pairs(sheet.false_matches, sheet.matches, "different people", "taken for the same person", "most similar"),
        *_pairs(sheet.false_non_matches, sheet.non_matches, "the same person", "not recognised", "least similar"),
    ]


def _pairs(shown: Sequence[ShownPair], count: int, kind: str, error: str, worst: str) -> list[str]:
    if not count:
        return [f"<p>No pair of {kind} is {error}.</p>"]
    some = f"; {len(shown):,} of them are shown" if len(shown) < count else ""
    items = [
        f'<li><figure><img src="data:image/jpeg;base64,{base64.b64encode(pair.picture).decode()}" '
        f'alt="Pair {pair.pair}: two pictures of {kind}">'
        f"<figcaption><b>{cosine(pair.similarity)}</b> pair {pair.pair}</figcaption></figure></li>"
        for pair in shown
    ]
    told = f"<p>{counted(count, 'pair')} of {kind} {error}, the {worst} first{some}:</p>"
    return [told, '<ul class="pairs">', *items, "</ul>"] if items else [told]


def _robustness(name: str, models: Mapping[str, Sequence[RobustnessRow]]) -> list[str]:
    measured = {model: rows for model, rows in models.items() if rows}
    alt = f"Accuracy on {name} under each degradation of {', '.join(measured)}; the table has the values"
    return [
        "<h3>Degraded pictures</h3>",
        '<div class="beside">',
        _figure(plots.robustness(models), alt, "<b>Accuracy</b> with its interval."),
        "</div>",
        robustness_table(measured),
    ]


def _model(name: str, model: EvaluatedModel) -> str:
    flip = "the mirror image's embedding added" if model.flip else "without mirror images"
    faces = "crops, in which no face is looked for" if model.detector == "aligned" else f"found by {model.detector}"
    rows = [
        ("sha256", f"<code>{visible(model.sha256)}</code>"),
        ("Faces", visible(faces)),
        ("Embeddings", flip),
        ("Measured by", f"sface {visible(model.version)}"),
        *((visible(field), visible(value) or NONE) for field, value in model.metadata.items()),
    ]
    return "\n".join(
        [
            f"<div>\n<h3>{breakable(name)}</h3>",
            f"<pre>{visible(model.command)}</pre>",
            table("How it was measured, and what the file says of itself", [], [(row, [cell]) for row, cell in rows]),
            "</div>",
        ]
    )

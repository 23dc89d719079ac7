"""A model card: what a model file is, what was measured of it and where, and what it is fit for, as Markdown.

The form is that of Mitchell et al., "Model Cards for Model Reporting", FAT* 2019, arXiv:1810.03993. No figure stands
without its source, and what isn't known is said to be not known.
"""

import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from ...model_files.metadata import ModelMetadata, check_threshold
from ...output import printable
from .evaluation_file import Evaluation
from .formatting import interval, percent
from .markdown import code_block, escape, table
from .model_card_figures import evaluation_section

_NOT_KNOWN = "not known"

_LIMITS = """\
- A similarity is not an identity. Every threshold has false matches and false non-matches, and each rate belongs to the
  people, cameras, lights and the detector that it was measured with; elsewhere it is another one.
- Figures on public sets of celebrities tell which of two networks is better, hardly how good one is on other photos.
- In a search among N people there are N chances of a false match.
- It is no liveness test: a photo of a photo, a mask and a generated face are faces to it.
- Relatives, above all twins, are alike to it, and so are small children. Photos years apart, large angles, covered,
  small, dark and blurred faces raise the false non-match rate."""

_FIT = """\
- Do two photos show the same person, where both were given for that purpose: at a threshold measured on faces like
  them, with a person who looks before anything follows for anybody.
- Sorting one's own photos; finding copies and wrong labels in sets of faces.
- Research on losses, training and robustness of face recognition."""

_UNFIT = """\
- Decisions over people without a person who looks at the photos and to whom they can object.
- Watching people in public places, and searches in photos that were gathered without the consent of those shown.
- The only key to anything of worth, without a liveness test in front.
- Telling age, sex, origin, health, mood or character from a face: it was not made for that."""

_GROUPS = """\
How the error rates differ between groups of people, by age, sex, skin colour or origin, is not known: nothing was
measured by group. It has to be expected that they differ: with many, not all, of the algorithms that NIST has tested,
the rates of false matches of groups differ by factors of 10 to beyond 100 (Grother, Ngan, Hanaoka, "Face Recognition
Vendor Test Part 3: Demographic Effects", NISTIR 8280, 2019), and public sets of faces show some groups far more than
others. Measure on the people it is meant for before it is used on them."""

_PRIVACY = """\
Embeddings are personal data, in most laws of a specially protected kind (biometric data, GDPR article 9), and faces can
be reconstructed from them well enough to be recognised. Keep them as the photos are kept."""


@dataclass(frozen=True, slots=True)
class ModelFile:
    """What is known of a model file.

    macs             multiply-accumulates of one run, in words
    inputs, outputs  their names, types and shapes in words
    metadata         its own, or what is known of a published file; None where neither is
    published        it is a published file that is known by its bytes
    licence          of a published file, and who states it, as Markdown
    """

    name: str
    sha256: str
    bytes: int
    parameters: int
    macs: str
    inputs: Sequence[str]
    outputs: Sequence[str]
    metadata: ModelMetadata | None
    published: bool = False
    licence: str | None = None


def write_card(model: ModelFile, evaluations: Sequence[tuple[str, Evaluation]], version: str) -> str:
    """The card of a model file, written by sface of this version.

    evaluations  what was measured of this very file, each with the name of the file that it was read in
    Raises ModelError where the file's threshold is damaged.
    """
    if model.metadata is not None:
        check_threshold(model.metadata, model.name)
    sections = (
        ("The model", _facts(model)),
        ("Training", _training(model.metadata)),
        ("The threshold", _threshold(model.metadata)),
        ("What was measured", _measured(evaluations)),
        ("Groups of people", _GROUPS),
        ("Limits", _LIMITS),
        ("Intended uses", _FIT),
        ("Unfit uses", _UNFIT),
        ("Personal data", _PRIVACY),
        ("Licence", _licence(model)),
        ("How to use it", _use(model)),
    )
    title = f"# {escape(model.name)}\n\n{_sources(model, evaluations, version)}"
    return "\n\n".join((title, *(f"## {name}\n\n{body}" for name, body in sections))) + "\n"


def _sources(model: ModelFile, evaluations: Sequence[tuple[str, Evaluation]], version: str) -> str:
    said = "what is known of this published file" if model.published else "what the file says of itself"
    read = "".join(f", and {escape(name)}, which `sface eval` measured of this very file" for name, _ in evaluations)
    return f"Written by `sface card` (sface {version}) from {said}{read}."


def _facts(model: ModelFile) -> str:
    metadata = model.metadata
    rows = [
        ("network", _said(metadata.network if metadata else None)),
        ("size", f"{model.bytes:,} bytes, {model.parameters:,} parameters"),
        ("multiply-accumulates", escape(model.macs)),
        ("input", _first(model.inputs)),
        ("output", _first(model.outputs)),
    ]
    if metadata is not None:
        pixels = {"raw": "RGB, 0 to 255; normalised in the graph", "centered": "RGB, (x - 127.5) / 127.5"}
        rows += [
            ("pixels", pixels[metadata.preprocess]),
            ("face", f"aligned by five points, template {escape(metadata.template)}"),
            ("written by sface", _said(metadata.sface_version)),
        ]
    return table(("", ""), [*rows, ("sha256", model.sha256)])


def _training(metadata: ModelMetadata | None) -> str:
    training_set, loss = (metadata.training_set, metadata.loss) if metadata else (None, None)
    return (
        f"{table(('', ''), [('training set', _said(training_set)), ('loss', _said(loss))])}\n\n"
        "Who is shown in the training set, how many people and photos it has, how it was gathered and whether those "
        "shown agreed: not known, the file doesn't say it."
    )


def _threshold(metadata: ModelMetadata | None) -> str:
    if metadata is None or metadata.threshold is None or metadata.fmr is None:
        published = metadata and metadata.published_threshold
        told = (
            "The file has none."
            if published is None
            else f"The network's publisher recommends {published:g}, a cosine, for which no rate is known."
        )
        return f"{told} `sface calibrate` measures one for a false match rate and writes it into the file."
    faces = "crops" if metadata.detector == "aligned" else f"faces found by {_said(metadata.detector)}"
    rates = (
        (
            "false match rate",
            percent(metadata.fmr),
            _interval(metadata.fmr_low, metadata.fmr_high),
            _count(metadata.threshold_impostor_pairs, "impostor pairs"),
        ),
        (
            "false non-match rate",
            _NOT_KNOWN if metadata.fnmr is None else percent(metadata.fnmr),
            _interval(metadata.fnmr_low, metadata.fnmr_high),
            _count(metadata.threshold_genuine_pairs, "genuine pairs"),
        ),
    )
    return (
        f"Two faces are the same at a similarity (cosine) of {metadata.threshold:.4f} and above. `sface calibrate` "
        f"measured that on the set {_said(metadata.threshold_set)}, {_count(metadata.threshold_people, 'people')}, on "
        f"{faces} without mirror images, and wrote it into the file; intervals are of 95 % over people.\n\n"
        f"{table(('', 'value', 'interval', 'counted on'), rates)}"
    )


def _measured(evaluations: Sequence[tuple[str, Evaluation]]) -> str:
    if not evaluations:
        return (
            "Not known. `sface eval MODEL --data DIR --json > eval.json` measures it, `sface card MODEL --evaluation "
            "eval.json` writes it down here."
        )
    return "\n\n".join(evaluation_section(name, evaluation) for name, evaluation in evaluations)


def _licence(model: ModelFile) -> str:
    told = f"{model.licence}. " if model.licence else "Not known, the file doesn't say it. "
    return (
        f"{told}Weights may be bound by the terms of the photos that they were trained on, whoever gives them away; "
        "most public sets of faces are for research that is not commercial. sface itself is Apache-2.0."
    )


def _use(model: ModelFile) -> str:
    name = printable(model.name)
    option, argument = ("", "") if model.metadata else (" --preprocess raw", ', preprocess="raw"')
    detector = model.metadata.detector if model.metadata else None
    if detector is not None:
        option += " --aligned" if detector == "aligned" else f" --detector {shlex.quote(printable(detector))}"
    file = json.dumps(name, ensure_ascii=False)
    python = f'from sface import FaceVerifier\n\nprint(FaceVerifier({file}{argument}).verify("a.jpg", "b.jpg"))'
    parts = [
        code_block(f"face-verify a.jpg b.jpg --model {shlex.quote(name)}{option}", "sh"),
        code_block(python, "python"),
    ]
    if model.metadata is None:
        parts.append("Whether the input is `raw`, RGB from 0 to 255, or `centered`, (x - 127.5) / 127.5: not known.")
    return "\n\n".join(parts)


def _first(values: Sequence[str]) -> str:
    """A face network has one; a file that isn't one may have hundreds."""
    more = f", and {len(values) - 1:,} more" if len(values) > 1 else ""
    return f"{escape(values[0])}{more}" if values else "none"


def _said(value: str | None) -> str:
    return escape(value) if value else _NOT_KNOWN


def _interval(low: float | None, high: float | None) -> str:
    return _NOT_KNOWN if low is None or high is None else interval(low, high)


def _count(count: int | None, what: str) -> str:
    return f"{what}: {_NOT_KNOWN}" if count is None else f"{escape(f'{count:,}')} {what}"

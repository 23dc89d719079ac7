"""Photos → who of a gallery is on them."""

import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ...align.image_file import Color
from ...align.photo_faces import FaceInfo, Photo
from ...errors import SFaceError, UsageError
from ...output import Output
from ..photo_embeddings import PhotoEmbeddings, as_list, embed_each
from ..threshold import Threshold
from ..verifier import FaceVerifier
from .gallery_results import IdentifiedFace, IdentifiedPhotos, aligner_notes, basis

if TYPE_CHECKING:
    from .gallery import Gallery


def identify_photos(
    gallery: "Gallery", photos: Sequence[Photo], verifier: FaceVerifier, *, color: Color, output: Output
) -> IdentifiedPhotos:
    """Who each photo shows; see `Gallery.identify`."""
    photos = as_list(photos)
    if not photos:
        raise UsageError("there is no photo to identify", argument="photos")
    named = [(photo, f"photo {number}") for number, photo in enumerate(photos, 1)]
    results = list(
        embed_each(verifier.reader, verifier.embedder, named, flip=verifier.flip, color=color, threads=verifier.threads)
    )
    taken = [result for result in results if isinstance(result, PhotoEmbeddings)]
    left_out = tuple(result for result in results if isinstance(result, SFaceError))
    if not taken:
        raise left_out[0]
    start = time.perf_counter()
    found = gallery.identify_embeddings(np.concatenate([photo.units for photo in taken]), verifier.threshold)
    timings = {stage: sum(photo.timings[stage] for photo in taken) for stage in taken[0].timings}
    timings["search"] = 1000 * (time.perf_counter() - start)
    infos = [face for photo in taken for face in photo.faces]
    notes = aligner_notes(gallery, verifier.aligner)
    notes += _threshold_notes(verifier.threshold_details, len(gallery), output)
    if verifier.reader.faces != "all":
        notes += _several_notes(infos, output)
    for note in notes:
        output.note(note)
    details = verifier.threshold_details
    return IdentifiedPhotos(
        faces=tuple(
            IdentifiedFace(info, one.person, one.similarity, one.margin) for info, one in zip(infos, found, strict=True)
        ),
        fmr=details.fmr,
        threshold_set=details.threshold_set,
        fpir=None if details.fmr is None else expected_fpir(details.fmr, len(gallery)),
        timings={stage: round(milliseconds, 3) for stage, milliseconds in timings.items()},
        notes=tuple(notes),
        left_out=left_out,
        **basis(verifier, len(gallery.people), len(gallery)),
    )


def expected_fpir(fmr: float, photos: int) -> float:
    """The share of strangers who are taken for somebody (FPIR), where each photo of the gallery is a chance."""
    return float(1 - (1 - fmr) ** photos)


def _threshold_notes(threshold: Threshold, photos: int, output: Output) -> Iterator[str]:
    yield from threshold.notes
    if threshold.fmr is not None:
        yield (
            f"of strangers about {100 * expected_fpir(threshold.fmr, photos):.3g} % are taken for somebody: "
            f"1 - (1 - FMR)^photos, with the threshold's FMR of {100 * threshold.fmr:.3g} % and {photos:,} photos in "
            f"the gallery; {output.option('threshold')} can be stricter"
        )
    elif threshold.source != "given":
        yield (
            f"the threshold {threshold.value:g} was not measured: how many strangers are taken for somebody is not "
            "known (sface calibrate measures it)"
        )


def _several_notes(faces: Sequence[FaceInfo], output: Output) -> Iterator[str]:
    for face in faces:
        if face.found > 1:
            choice = output.setting("faces", "all")
            yield f"{face.photo}: {face.found} faces; one of them was taken ({choice} takes all)"

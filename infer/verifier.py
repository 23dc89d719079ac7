"""Do two photos show the same person? From photos and a model file to decisions."""

import os
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from ..align.choice import FACE_CHOICES, FaceChoice
from ..align.detectors.detector import Detector, load_detector
from ..align.image_file import Color
from ..align.photo_faces import Photo, PhotoFaces, PhotoReader
from ..errors import SFaceError, UsageError
from ..model_files.metadata import Preprocess
from ..model_files.onnx_session import Providers
from ..processes.side_by_side import side_by_side
from .embedded_face import EmbeddedFace, embed_every_face
from .embedder import FaceEmbedder
from .photo_embeddings import PhotoEmbeddings, as_list, embed_each, embed_faces
from .threshold import choose_threshold
from .verification import Verification

NAMES = ("first photo", "second photo")

# What was done with several faces, for a note.
_TAKEN: dict[FaceChoice, str] = {
    "best": "the one that is large and near the centre was taken",
    "largest": "the largest was taken",
    "center": "the one nearest to the centre was taken",
    "all": "all were compared and the most similar ones decide; with each the chance of a false match grows",
}


class FaceVerifier:
    """Decides whether two photos show the same person. One verifier may be used by several threads at once.

    model       path of an ONNX file; None: `$SFACE_HOME/models/default.onnx`, else what `sface zoo get sface` brought
    detector    "mtcnn", "yunet" or the path of a YuNet ONNX file; None: YuNet where its file is known, else MTCNN
    threshold   a cosine in [-1, 1]; None: the one measured and written into the file, else the publisher's, else 0.36
    preprocess  what the file's input is, where it isn't known: "raw" or "centered"
    faces       which of a photo's faces counts: "best" (large, near the centre, certain), "largest", "center";
                "error": several are an error; "all": any, the two photos' most similar ones decide
    aligned     the photos are aligned crops, in which no face is looked for
    flip        embed each face's mirror image too
    providers   what of onnxruntime runs the network: "auto" or names, see `FaceEmbedder`
    threads     CPU threads for one call; None: all cores

    Raises UsageError for an argument that can't be, ModelError where a file is missing, damaged or of another kind,
    PreprocessError where the file's input is not known, DependencyError without onnxruntime or a provider.
    """

    def __init__(
        self,
        model: str | os.PathLike[str] | None = None,
        *,
        detector: str | os.PathLike[str] | None = None,
        threshold: float | None = None,
        preprocess: Preprocess | None = None,
        faces: FaceChoice = "best",
        aligned: bool = False,
        flip: bool = False,
        providers: Providers = "auto",
        threads: int | None = None,
    ) -> None:
        if faces not in FACE_CHOICES:
            raise UsageError(f"faces {faces!r}: must be one of {', '.join(FACE_CHOICES)}", argument="faces")
        if aligned and detector is not None:
            raise UsageError(f"detector {detector}: no face is looked for in aligned crops", argument="detector")
        if model is None:
            from .zoo.model_folder import default_model

            model = default_model()

        def open_embedder() -> FaceEmbedder:
            return FaceEmbedder(model, preprocess=preprocess, providers=providers, threads=threads)

        def open_detector() -> Detector | None:
            return None if aligned else load_detector(detector)

        self.embedder, found_by = side_by_side(open_embedder, open_detector)
        self.reader = PhotoReader(found_by, faces, self.embedder.input_size)
        self.detector = "aligned" if found_by is None else found_by.name
        self.aligner = "aligned" if found_by is None else found_by.aligner
        self.flip, self.threads = flip, threads
        self.threshold_details = choose_threshold(
            threshold, self.embedder.metadata, self.aligner, str(self.embedder.path), flip=flip
        )

    @property
    def threshold(self) -> float:
        """The cosine at and above which two faces are the same."""
        return self.threshold_details.value

    def verify(self, a: Photo, b: Photo, *, names: tuple[str, str] = NAMES, color: Color = "rgb") -> Verification:
        """Decide on two photos: paths, the bytes of files, open files, Pillow images, or upright uint8 (H, W, 3).

        names  what errors and the answer call photos that have no path
        color  the order of the channels of photos that are arrays: "rgb", or "bgr" as OpenCV has it

        Raises ImageError where a photo can't be read, NoFaceError where no face was found in one, SeveralFacesError
        where several were and `faces` is "error"; the error's `path` is the path or name of that photo.
        """

        def read_first() -> PhotoFaces:
            return self.reader.read(a, names[0], color=color)

        def read_second() -> PhotoFaces:
            return self.reader.read(b, names[1], color=color)

        if self.threads == 1 or a is b:  # one open file is not to be read by two threads
            photos = (read_first(), read_second())
        else:
            photos = side_by_side(read_first, read_second)
        one, other = embed_faces(self.embedder, photos, flip=self.flip)
        return self._decide(one, other)

    def verify_many(
        self, pairs: Iterable[tuple[Photo, Photo]], *, color: Color = "rgb"
    ) -> list[Verification | SFaceError]:
        """Decide on pairs of photos; each file is read and embedded once, however many pairs it is in.

        A pair without a decision has in its place the error that says what is wrong with a photo of it. A photo that
        has no path is called by where it comes first ("second photo of pair 3"). color: as in `verify`. Raises
        UsageError for what is no picture at all.
        """
        pairs = [(a, b) for a, b in pairs]
        photos: dict[object, tuple[Photo, str]] = {}
        for number, pair in enumerate(pairs, 1):
            for key, photo, name in zip(_keys(pair), pair, NAMES, strict=True):
                photos.setdefault(key, (photo, f"{name} of pair {number}"))
        embedded = dict(zip(photos, self._embed_each(list(photos.values()), color), strict=True))
        decisions: list[Verification | SFaceError] = []
        for pair in pairs:
            one, other = (embedded[key] for key in _keys(pair))
            if isinstance(one, SFaceError):
                decisions.append(one)
            elif isinstance(other, SFaceError):
                decisions.append(other)
            else:
                decisions.append(self._decide(one, other))
        return decisions

    def embed(self, photos: Sequence[Photo], *, color: Color = "rgb") -> NDArray[np.float32]:
        """One unit embedding for each photo, float32 (N, D); personal data, to be kept as the photos are.

        color: as in `verify`. Raises what `verify` raises, for the first photo without an embedding; its `path` is the
        photo's path, or its number ("photo 3"). Raises UsageError for one photo that is in no list, and where
        `faces` is "all" and photos may have several.
        """
        if self.reader.faces == "all" and self.reader.detector is not None:
            raise UsageError(
                "embed gives one embedding a photo: choose faces 'best', 'largest', 'center' or 'error'",
                argument="faces",
            )
        named = [(photo, f"photo {number}") for number, photo in enumerate(as_list(photos), 1)]
        units = np.empty((len(named), self.embedder.embedding_size), dtype=np.float32)
        for number, result in enumerate(self._embed_each(named, color)):
            if isinstance(result, SFaceError):
                raise result
            units[number] = result.units[0]
        return units

    def _embed_each(self, photos: Sequence[tuple[Photo, str]], color: Color) -> Iterator[PhotoEmbeddings | SFaceError]:
        return embed_each(self.reader, self.embedder, photos, flip=self.flip, color=color, threads=self.threads)

    def faces(self, photo: Photo, *, color: Color = "rgb") -> list[EmbeddedFace]:
        """Every face of a photo with its embedding, the most prominent (large, near the centre, certain) first.

        A photo without a face gives an empty list. All faces are taken, whatever the verifier's own `faces`. Small
        ones are looked for too, so that a large one may be found a little elsewhere than by `verify`. With `aligned`
        the photo is one crop and gives one face. color: as in `verify`.

        Raises ImageError where the photo can't be read, UsageError for what is no picture at all.
        """
        reader = PhotoReader(self.reader.detector, "all", self.reader.size)
        return embed_every_face(reader, self.embedder, photo, flip=self.flip, color=color)

    @staticmethod
    def compare(e1: NDArray[np.float32], e2: NDArray[np.float32]) -> float:
        """The similarity of two unit embeddings (D,): a cosine, to be compared with `threshold`."""
        # Rounding may lead a hair beyond what a cosine can be.
        return float(np.clip(e1.astype(np.float64) @ e2.astype(np.float64), -1, 1))

    def _decide(self, one: PhotoEmbeddings, other: PhotoEmbeddings) -> Verification:
        similarities = one.units.astype(np.float64) @ other.units.T.astype(np.float64)  # (faces, faces)
        i, j = np.unravel_index(similarities.argmax(), similarities.shape)
        similarity = self.compare(one.units[i], other.units[j])
        timings = {stage: round(one.timings[stage] + other.timings[stage], 3) for stage in one.timings}
        notes = list(self.threshold_details.notes)
        faces = one.faces[i], other.faces[j]
        notes += [f"{face.photo}: {face.found} faces; {_TAKEN[self.reader.faces]}" for face in faces if face.found > 1]
        return Verification(
            same=similarity >= self.threshold,
            similarity=similarity,
            threshold=self.threshold,
            threshold_source=self.threshold_details.source,
            fmr=self.threshold_details.fmr,
            fmr_interval=self.threshold_details.fmr_interval,
            threshold_set=self.threshold_details.threshold_set,
            faces=faces,
            model=str(self.embedder.path),
            model_sha256=self.embedder.sha256,
            detector=self.detector,
            provider=self.embedder.provider,
            timings=timings,
            notes=tuple(notes),
        )


def _keys(pair: tuple[Photo, Photo]) -> tuple[object, object]:
    """What tells photos apart: a path, else the very object."""
    a, b = (os.fspath(photo) if isinstance(photo, (str, os.PathLike)) else id(photo) for photo in pair)
    return a, b

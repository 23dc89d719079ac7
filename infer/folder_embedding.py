"""A folder of photos → one file with the embeddings of all faces, worked out shard by shard by several processes."""

import os
import time
import zipfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import astuple, dataclass, fields
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ..align.choice import FaceChoice
from ..align.photo_shards import ShardFaces, left_out_of, none_left, open_reader, read_shard
from ..align.quality import Quality
from ..errors import DataError, ModelError, UsageError
from ..model_files.metadata import Preprocess
from ..model_files.onnx_session import CPU, Providers
from ..output import Output
from ..processes.ranks import meet
from ..processes.shards import Arrays, Shard, Shards, write_arrays
from ..runtime import dependencies
from ..runtime.mpi_environment import rank, world_size
from .verifier import FaceVerifier

_QUALITY = tuple(field.name for field in fields(Quality))
# Of each face; `photo`, its photo's number in the shard, becomes `paths`.
_OF_FACES = ("photo", "embeddings", "lengths", "boxes", "landmarks", "scores", *_QUALITY)


@dataclass(frozen=True, slots=True)
class FolderEmbeddings:
    """What `embed_folder` wrote.

    path            the file; docs/embed.md says what lies in it
    photos, faces   how many photos were tried, and how many faces lie in the file
    embedding_size  D
    left_out        number of photos without a row, by the code of their error ("no_face")
    model           path of the model file, model_sha256: of its bytes
    detector        the detector that found the faces ("mtcnn", "yunet"; "aligned": the photos were crops)
    provider        what of onnxruntime ran the network
    seconds         that it took
    """

    path: Path
    photos: int
    faces: int
    embedding_size: int
    left_out: Mapping[str, int]
    model: str
    model_sha256: str
    detector: str
    provider: str
    seconds: float


def embed_folder(
    photos: str | os.PathLike[str],
    output_file: str | os.PathLike[str],
    *,
    model: str | os.PathLike[str] | None = None,
    detector: str | os.PathLike[str] | None = None,
    preprocess: Preprocess | None = None,
    faces: FaceChoice = "best",
    aligned: bool = False,
    flip: bool = False,
    providers: Providers = "auto",
    output: Output | None = None,
) -> FolderEmbeddings | None:
    """Write the embeddings of all faces in a folder of photos to one file, with processes on all cores.

    photos       a folder; every file in it and its folders is tried, but hidden ones
    output_file  is replaced where it is a file of embeddings. Photos are worked through in shards, kept beside it until
                 it is in place: after an interruption the same call goes on from there
    output       receives progress and notes
    model, detector, preprocess, faces, aligned, flip, providers: as in `FaceVerifier`

    The processes are spawned: in a script call it below `if __name__ == "__main__":`. Under `mpirun` every process
    calls it and does its share; the first one writes the file, the others return None.

    Raises what `FaceVerifier` raises; DataError where the folder is missing, holds no photo or none can be used,
    NoFaceError where no photo has a face, UsageError where `output_file` is something else, StorageError,
    DependencyError under `mpirun` without mpi4py.
    """
    start = time.perf_counter()
    output = output or Output(quiet=True)
    folder, file = Path(photos), Path(output_file)
    if world_size() > 1:
        dependencies.require("mpi4py", "train")  # now, not when all is done
    _must_be_ours(file)
    names = _photos_in(folder, without=file)
    options: dict[str, Any] = {
        "model": model,
        "preprocess": preprocess,
        "detector": None if detector is None else os.fspath(detector),
        "faces": faces,
        "aligned": aligned,
        "flip": flip,
        "providers": providers,
    }
    verifier = FaceVerifier(**options, threads=1)  # its errors come now and in one line, not from each process
    embedder = verifier.embedder
    options["model"] = str(embedder.path)
    settings = {
        **options,
        "model": embedder.sha256,
        "detector": [verifier.aligner, options["detector"]],
        "providers": embedder.provider,
        "preprocess": embedder.metadata.preprocess,
    }
    shards = Shards(file, folder, names, settings)
    _embed_shards(shards, options, verifier, output)
    meet()
    if rank() > 0:
        return None
    arrays = _gather(shards, embedder.sha256)
    write_arrays(file, arrays)
    shards.remove()
    count, size = arrays["embeddings"].shape
    return FolderEmbeddings(
        path=file,
        photos=len(names),
        faces=count,
        embedding_size=size,
        left_out=Counter(arrays["left_out_codes"].tolist()),
        model=str(embedder.path),
        model_sha256=embedder.sha256,
        detector=verifier.detector,
        provider=embedder.provider,
        seconds=round(time.perf_counter() - start, 1),
    )


def _photos_in(root: Path, without: Path) -> list[str]:
    """All files in a folder and its folders, but `without`: paths relative to it, sorted.

    Hidden files and folders, and links to folders, are left out. Raises DataError where there is none.
    """
    if not root.is_dir():
        raise DataError("is not a folder" if root.exists() else "there is no such folder", path=root)

    def refuse(error: OSError) -> None:
        raise DataError(f"can't be read ({error.strerror})", path=error.filename) from error

    found = []
    for folder, folders, names in os.walk(root, onerror=refuse):
        folders[:] = [name for name in folders if not name.startswith(".")]
        paths = [Path(folder, name) for name in names if not name.startswith(".")]
        found += [path.relative_to(root).as_posix() for path in paths if path.is_file()]
    if without.resolve().is_relative_to(root.resolve()):
        found = [path for path in found if (root / path).resolve() != without.resolve()]
    if not found:
        raise DataError("holds no photo", path=root, remedy="name a folder of photos")
    return sorted(found)


def _must_be_ours(path: Path) -> None:
    """Raises UsageError where `path` is something else than a file of embeddings, which would be replaced."""
    if not path.exists():
        return
    try:
        with np.load(path) as arrays:
            if "model_sha256" in arrays and "embeddings" in arrays:
                return
    except (OSError, EOFError, ValueError, zipfile.BadZipFile, AttributeError, TypeError):
        pass
    raise UsageError("is there already and no file of embeddings", path=path, remedy="name a new one")


def _embed_shards(shards: Shards, options: Mapping[str, Any], verifier: FaceVerifier, output: Output) -> None:
    """Do the shards of this rank, each photo as `FaceVerifier` with these options would.

    On the CPU each process has a network of its own. A GPU has one, here; the processes read photos ahead of it.
    """
    if verifier.embedder.provider == CPU:
        start = partial(_open_verifier, options, verifier.embedder.sha256)
        shards.do(start, _embed_shard, output, rank=rank(), ranks=world_size())
        return
    reader = verifier.reader
    read = partial(open_reader, options["detector"], reader.faces, reader.size, aligned=options["aligned"])

    def embed(shard: Shard, faces: ShardFaces) -> None:
        shard.store(_embedded(verifier, faces))

    shards.do(read, read_shard, output, finish=embed, rank=rank(), ranks=world_size())


def _gather(shards: Shards, model_sha256: str) -> Arrays:
    """The arrays of all faces, in the order of the photos, and what was left out; see docs/embed.md.

    Raises NoFaceError where no photo has a face, DataError where none can be used; then the shards are removed.
    """
    paths, parts = [], []
    for shard, arrays in shards.load(*_OF_FACES):
        paths += [shard.photos[number] for number in arrays.pop("photo")]
        parts.append(arrays)
    left_out = left_out_of(shards)
    if not paths:
        shards.remove()
        raise none_left(left_out)
    together = {name: np.concatenate([arrays[name] for arrays in parts]) for name in parts[0]}
    return {
        "paths": np.array(paths, dtype=str),
        **together,
        "model_sha256": np.array(model_sha256),
        "left_out_paths": np.array([photo.photo for photo in left_out], dtype=str),
        "left_out_codes": np.array([photo.code for photo in left_out], dtype=str),
        "left_out_reasons": np.array([photo.reason for photo in left_out], dtype=str),
    }


def _open_verifier(options: Mapping[str, Any], sha256: str) -> FaceVerifier:
    verifier = FaceVerifier(**options, threads=1)
    verifier.reader = verifier.reader.with_fit("scikit-image")
    if verifier.embedder.sha256 != sha256:
        raise ModelError("has changed meanwhile", path=verifier.embedder.path, remedy="run the command again")
    return verifier


def _embed_shard(verifier: FaceVerifier, shard: Shard) -> None:
    shard.store(_embedded(verifier, read_shard(verifier.reader, shard)))


def _embedded(verifier: FaceVerifier, faces: ShardFaces) -> Arrays:
    """A shard's arrays."""
    photos = [photo for _, photo in faces.taken]
    infos = [face for photo in photos for face in photo.faces]
    size = verifier.embedder.input_size
    crops = np.concatenate([np.empty((0, size, size, 3), dtype=np.uint8), *(photo.crops for photo in photos)])
    embeddings = verifier.embedder.embed(crops, flip=verifier.flip)
    quality = np.array([astuple(face.quality) for face in infos], dtype=np.float32).reshape(-1, len(_QUALITY))
    return {
        **faces.arrays(),
        "embeddings": embeddings.unit,
        "lengths": embeddings.lengths,
        "boxes": np.array([face.box for face in infos], dtype=np.float32).reshape(-1, 4),
        "landmarks": np.array([face.landmarks for face in infos], dtype=np.float32).reshape(-1, 5, 2),
        "scores": np.array([face.score for face in infos], dtype=np.float32),
        **dict(zip(_QUALITY, quality.T, strict=True)),
    }

"""Write the embeddings of all faces in a folder of photos to one file; an interrupted run goes on where it was."""

import argparse
import time
from collections import Counter
from pathlib import Path

from ..output import Output
from ..processes.interrupt import sigterm_as_interrupt
from . import options


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("dir", metavar="DIR", type=Path, help="a folder of photos, which may lie in folders of it")
    parser.add_argument("-o", "--output", metavar="NPZ", type=Path, required=True, help="file to write")
    options.add_verification(parser)


def run(args: argparse.Namespace, output: Output) -> int:
    """Each process that `mpirun` started does its share; the first one gathers what all have done."""
    from ..processes.ranks import failing_together, rank

    if rank() > 0:
        output = Output(args.json, quiet=True)
    with sigterm_as_interrupt(), failing_together(output):
        return _embed(args, output)


def _embed(args: argparse.Namespace, output: Output) -> int:
    from ..align.photo_shards import in_words
    from ..infer import folder_embedding as embed_photos
    from ..infer.verifier import FaceVerifier
    from ..processes.ranks import meet, rank, world_size
    from ..processes.shards import Shards, write_arrays
    from ..runtime import dependencies

    start = time.perf_counter()
    if world_size() > 1:
        dependencies.require("mpi4py", "train")  # now, not when all is done
    embed_photos.must_be_ours(args.output)
    photos = embed_photos.photos_in(args.dir, without=args.output)
    chosen = options.read_verification(args, output)
    verifier = FaceVerifier(**chosen, threads=1)  # its errors come now and in one line, not from each process
    embedder = verifier.embedder
    chosen["model"] = str(embedder.path)
    settings = {
        **chosen,
        "model": embedder.sha256,
        "detector": [verifier.detector, args.detector],
        "providers": embedder.provider,
        "preprocess": embedder.metadata.preprocess,
    }
    shards = Shards(args.output, args.dir, photos, settings)
    embed_photos.embed_shards(shards, chosen, verifier, output, rank=rank(), ranks=world_size())
    meet()
    if rank() > 0:
        return 0
    arrays = embed_photos.gather(shards, embedder.sha256)
    write_arrays(args.output, arrays)
    shards.remove()
    faces, size = arrays["embeddings"].shape
    left_out = Counter(arrays["left_out_codes"].tolist())
    output.result(
        f"{args.output}: {faces:,} faces of {len(photos) - left_out.total():,} photos, {size} numbers each; "
        f"{in_words(left_out)}",
        {
            "path": str(args.output),
            "photos": len(photos),
            "faces": faces,
            "embedding_size": size,
            "left_out": dict(left_out),
            "model": str(embedder.path),
            "model_sha256": embedder.sha256,
            "detector": verifier.detector,
            "provider": embedder.provider,
            "seconds": round(time.perf_counter() - start, 1),
        },
    )
    return 0

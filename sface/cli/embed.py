"""Write the embeddings of all faces in a folder of photos to one file; an interrupted run goes on where it was."""

import argparse
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
    from ..processes.ranks import failing_together
    from ..runtime.mpi_environment import rank

    if rank() > 0:
        output = Output(args.json, quiet=True, options=output.options)
    with sigterm_as_interrupt(), failing_together(output):
        return _embed(args, output)


def _embed(args: argparse.Namespace, output: Output) -> int:
    from ..align.photo_shards import in_words
    from ..infer import embed_folder

    done = embed_folder(args.dir, args.output, **options.read_verification(args, output), output=output)
    if done is None:
        return 0
    left_out = Counter(done.left_out)
    output.result(
        f"{done.path}: {done.faces:,} faces of {done.photos - left_out.total():,} photos, {done.embedding_size} "
        f"numbers each; {in_words(left_out)}",
        {
            "path": str(done.path),
            "photos": done.photos,
            "faces": done.faces,
            "embedding_size": done.embedding_size,
            "left_out": dict(left_out),
            "model": done.model,
            "model_sha256": done.model_sha256,
            "detector": done.detector,
            "provider": done.provider,
            "seconds": done.seconds,
        },
    )
    return 0

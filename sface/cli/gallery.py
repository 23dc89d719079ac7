"""Check a gallery and list its people, or remove one of them."""

import argparse
from pathlib import Path

from ..output import Output
from .gallery_words import in_words, photos_in_words


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("gallery", metavar="GALLERY", type=Path, help="a gallery's folder, made by sface enroll")
    parser.add_argument("--remove", metavar="NAME", help="remove a person with all embeddings")


def run(args: argparse.Namespace, output: Output) -> int:
    from ..infer import change_gallery, open_gallery

    fields = {"gallery": str(args.gallery)}
    if args.remove is None:
        gallery = open_gallery(args.gallery)
        lines = [f"{person}  {photos_in_words(count)}" for person, count in gallery.people.items()]
        lines.append(in_words(args.gallery, len(gallery.people), len(gallery)))
        counts = {"people": gallery.people, "photos": len(gallery), "model_sha256": gallery.model_sha256}
        output.result("\n".join(lines), {**fields, **counts})
        return 0
    with change_gallery(args.gallery) as gallery:
        removed = gallery.remove(args.remove)
    output.result(
        f"removed {args.remove} ({photos_in_words(removed)}); "
        f"{in_words(args.gallery, len(gallery.people), len(gallery))}",
        {**fields, "removed": args.remove, "removed_photos": removed, "people": gallery.people, "photos": len(gallery)},
    )
    return 0

"""Check a gallery and list its people, or remove one of them."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..output import Output

if TYPE_CHECKING:
    from ..infer.gallery.gallery_results import GalleryResult


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


def basis_fields(result: "GalleryResult") -> dict[str, Any]:
    """What an enrollment or identification rests on, for JSON."""
    names = ("people", "photos", "model", "model_sha256", "detector", "provider")
    return {name: getattr(result, name) for name in names}


def in_words(folder: Path, people: int, photos: int) -> str:
    return f"{folder} holds {people_in_words(people)}, {photos_in_words(photos)}"


def photos_in_words(count: int) -> str:
    return f"{count:,} photo{'' if count == 1 else 's'}"


def people_in_words(count: int) -> str:
    return f"{count:,} {'person' if count == 1 else 'people'}"

"""What the commands about galleries say alike."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..infer.gallery.gallery_results import GalleryResult


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

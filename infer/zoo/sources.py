"""Where a published file lies: at an address, or in a wheel of the package index."""

from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Wheel:
    """A file inside a wheel of the package index: what to ask pip for, and the file's path in the wheel."""

    requirement: str
    member: str


def host(url: str) -> str:
    """The host of an address, to name it in a line."""
    return urlsplit(url).netloc

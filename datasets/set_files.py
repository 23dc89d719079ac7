"""The files that make a folder a training set: their names, and what is read from them."""

from pathlib import Path

from ..errors import DataError, ImageError

LIST = "imgs.txt"
RECORDS = "train.rec"
INDEX = "train.idx"
PROPERTY = "property"
ALIGNER = "aligner.txt"  # beside them, where sface cut the crops: what gave the landmarks

_LONGEST_NAME = 100  # bytes of aligner.txt


def read_property(root: Path) -> tuple[int, int]:
    """Number of classes, and side of the crops in pixels, that the set's `property` says."""
    path = root / PROPERTY
    if not path.is_file():
        raise DataError("missing", path=path, remedy="write the line CLASSES,HEIGHT,WIDTH into it, such as 293,112,112")
    text = read_text(path).strip()
    try:
        classes, height, width = (int(field) for field in text.split(","))
    except ValueError:
        raise DataError(f"holds {text[:40]!r}, not CLASSES,HEIGHT,WIDTH such as 293,112,112", path=path) from None
    if classes < 1 or height < 1 or height != width:
        raise DataError(
            f"holds {text[:40]!r}", path=path, remedy="needed are a class or more and square crops, as in 293,112,112"
        )
    return classes, height


def read_aligner(root: Path) -> str | None:
    """The aligner that cut the set's crops ("yunet+onet-1"), as its `aligner.txt` says; None where there is none.

    Raises DataError where the file holds anything else than a short line of text.
    """
    path = root / ALIGNER
    if not path.is_file():
        return None
    name = read_text(path).strip() if path.stat().st_size <= _LONGEST_NAME else ""
    if not name or not name.isprintable():
        raise DataError(
            "holds no aligner's name in one line", path=path, remedy="write yunet+onet-1, for example, or remove it"
        )
    return name


def read_text(path: Path) -> str:
    """A UTF-8 file, with or without a byte order mark."""
    try:
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise DataError(f"can't be read ({error.strerror})", path=path) from error
    except UnicodeDecodeError as error:
        raise DataError(
            f"not UTF-8 text (byte {error.start})", path=path, remedy="convert it, for example with iconv"
        ) from error


def read_picture(path: str) -> bytes:
    """The bytes of a picture file."""
    try:
        return Path(path).read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the name
        raise ImageError(f"can't be read ({getattr(error, 'strerror', None) or error})", path=path) from error

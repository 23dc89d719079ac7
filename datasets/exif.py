"""How a camera was held: the orientation in EXIF and XMP data, read as Pillow reads it, damaged data too."""

import re
import struct

UPRIGHT = 1

_ORIENTATION = 0x0112  # the EXIF tag
_PREFIX = b"Exif\0\0"
# EXIF data are laid out as a TIFF file; some writers turn the bytes of its number, 42, around.
_ORDERS = {b"II*\0": "<", b"II\0*": "<", b"MM\0*": ">", b"MM*\0": ">"}
_HEADER = 8  # bytes
# Kinds of value, with the bytes of one; of those that Pillow takes for numbers the letter of struct.
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8}
_NUMBERS = {3: "H", 4: "L", 6: "b", 8: "h", 9: "l", 13: "L", 16: "Q"}
_INLINE = 4  # bytes: what is longer lies elsewhere
_IN_XMP = re.compile(rb'tiff:Orientation(?:="|>)([0-9])')


def orientation_in_exif(exif: bytes) -> int | None:
    """The orientation, 1 to 8, in the content of an EXIF segment: 1 where that is damaged, None where it says none."""
    tiff = exif.removeprefix(_PREFIX)
    order = _ORDERS.get(tiff[:4])
    if order is None or len(tiff) < _HEADER:
        return UPRIGHT if tiff else None
    try:
        (directory,) = struct.unpack_from(f"{order}L", tiff, 4)
        (entries,) = struct.unpack_from(f"{order}H", tiff, directory)
        elsewhere = 0  # bytes of values that lie elsewhere
        for place in range(directory + 2, directory + 2 + 12 * entries, 12):
            tag, kind, count, offset = struct.unpack_from(f"{order}HHLL", tiff, place)
            size = count * _SIZES.get(kind, 0)
            start = place + 8
            if size > _INLINE:
                start, elsewhere = offset, elsewhere + size
                if elsewhere > len(tiff):
                    continue
                if start + size > len(tiff):
                    return None  # what follows isn't read either
            if tag == _ORIENTATION and size:
                value = struct.unpack_from(order + _NUMBERS[kind], tiff, start)[0] if kind in _NUMBERS else UPRIGHT
                return _valid(value)
    except struct.error:  # the end
        return None
    return None


def orientation_in_xmp(xmp: bytes) -> int:
    """The orientation, 1 to 8, in XMP data; 1 where they don't say one."""
    found = _IN_XMP.search(xmp)
    return UPRIGHT if found is None else _valid(int(found[1]))


def _valid(value: int) -> int:
    return value if 1 <= value <= 8 else UPRIGHT

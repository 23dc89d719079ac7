"""Damaged pictures and model files, given to face-verify one after the other in a process of their own.

    python -m tests.infer.mutants pictures|models FOLDER FIRST END

FOLDER holds `model.onnx` and `face.png`. Prints a line for each: number, exit code, seconds, what it printed on stderr;
and last the most memory that it took, in KiB.
"""

import contextlib
import io
import re
import sys
import time
from pathlib import Path

import numpy as np
from PIL import Image

from sface.cli.dispatch import face_verify


def change(data: bytes, random: np.random.Generator) -> bytes:
    """Some bytes, or many, changed, cut off, put in or doubled; mostly near the start, where formats say what follows,
    or near the end, where ONNX files have their metadata."""
    changed = bytearray(data)
    for _ in range(int(random.integers(1, 6))):
        first, last = [(0, 400), (max(0, len(changed) - 600), len(changed)), (0, len(changed))][random.integers(0, 3)]
        at = int(random.integers(first, max(first + 1, min(last, len(changed)))))
        length = int(random.integers(1, 2 ** random.integers(1, 13)))
        match random.integers(0, 6):
            case 0:
                changed[at : at + 1] = bytes([random.integers(0, 256)])
            case 1:
                changed[at : at + 4] = bytes(random.choice([0, 0x7F, 0x80, 0xFF], 4).astype(np.uint8))
            case 2:
                changed[at : at + length] = random.bytes(length)
            case 3:
                changed[at:at] = random.bytes(length)
            case 4:
                changed[at:at] = changed[at : at + length]
            case 5:
                del changed[at : at + (length if random.random() < 0.7 else len(changed))]
    return bytes(changed)


def pictures(folder: Path) -> list[bytes]:
    """One face in the formats and colour forms that are read."""
    face = Image.open(folder / "face.png").convert("RGB").resize((160, 160))
    sixteen = Image.fromarray(np.asarray(face.convert("L")).astype(np.uint16) * 257)
    exif = Image.Exif()
    exif[0x0112] = 6
    forms: list[tuple[Image.Image, str, dict[str, object]]] = [
        (face, "JPEG", {"exif": exif}),
        (face, "JPEG", {"progressive": True, "quality": 95}),
        (face.convert("CMYK"), "JPEG", {}),
        (face, "PNG", {}),
        (face.convert("P"), "PNG", {"transparency": 3}),
        (sixteen, "PNG", {}),
        (face.convert("RGBA"), "PNG", {}),
        (face, "WEBP", {}),
        (face, "WEBP", {"lossless": True}),
        (face, "BMP", {}),
        (face, "TIFF", {"compression": "tiff_lzw"}),
        (sixteen, "TIFF", {}),
        (face.convert("P"), "GIF", {}),
        (face, "PPM", {}),
    ]
    files = []
    for picture, kind, options in forms:
        buffer = io.BytesIO()
        picture.save(buffer, kind, **options)
        files.append(buffer.getvalue())
    return files


def main(kind: str, folder: Path, first: int, end: int) -> None:
    model, face = folder / "model.onnx", folder / "face.png"
    originals = pictures(folder) if kind == "pictures" else [model.read_bytes()]
    mutant = folder / "mutant"
    for number in range(first, end):
        random = np.random.default_rng(number)
        mutant.write_bytes(change(originals[number % len(originals)], random))
        photos = [str(mutant), str(face)] if kind == "pictures" else [str(face), str(face)]
        used = model if kind == "pictures" else mutant
        sys.stdout.write(f"{number} ")
        sys.stdout.flush()
        errors, start = io.StringIO(), time.perf_counter()
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(errors):
            code = face_verify([*photos, "--model", str(used), "--detector", "mtcnn"])
        sys.stdout.write(f"{code} {time.perf_counter() - start:.3f} {errors.getvalue()!r}\n")
    # Not getrusage: what it gives begins with the peak of the process that started this one.
    (peak,) = re.findall(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    sys.stdout.write(f"{peak}\n")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))

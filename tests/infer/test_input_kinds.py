"""Every kind of input and what comes of it: how alike the forms of one picture are, and what is refused."""

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from sface.align.photo_faces import Photo
from sface.cli.dispatch import face_verify
from sface.errors import SFaceError
from sface.infer import FaceVerifier, Verification

from ..tiny_models import raw_metadata, write_model, write_published_sface

LOSSLESS, COLOUR, GREY = 0.999, 0.98, 0.85


@pytest.fixture(scope="module")
def verifier(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> FaceVerifier:
    model = write_published_sface(shared, tmp_path_factory.mktemp("sface") / "sface.onnx")
    return FaceVerifier(model, detector=shared / "models" / "face_detection_yunet_2026may.onnx", preprocess="raw")


@pytest.fixture(scope="module")
def plain(shared: Path) -> Image.Image:
    return Image.open(shared / "photos" / "london" / "001_03.jpg").convert("RGB").resize((600, 600))


def saved(picture: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def turned(picture: Image.Image, orientation: int) -> bytes:
    """As a camera that was held otherwise would have stored it."""
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    exif = Image.Exif()
    exif[0x0112] = orientation
    return saved(picture.transpose(undo[orientation]) if orientation > 1 else picture, "PNG", exif=exif)


def sixteen_bits(picture: np.ndarray) -> bytes:
    done, data = cv2.imencode(".png", picture.astype(np.uint16) * 257)
    assert done
    return data.tobytes()


FORMS: list[tuple[str, Callable[[Image.Image], bytes], float]] = [
    ("PNG", lambda p: saved(p, "PNG"), LOSSLESS),
    ("BMP", lambda p: saved(p, "BMP"), LOSSLESS),
    ("PPM", lambda p: saved(p, "PPM"), LOSSLESS),
    ("TIFF", lambda p: saved(p, "TIFF", compression="tiff_lzw"), LOSSLESS),
    ("WebP lossless", lambda p: saved(p, "WEBP", lossless=True), LOSSLESS),
    ("RGBA", lambda p: saved(p.convert("RGBA"), "PNG"), LOSSLESS),
    ("16 bits", lambda p: sixteen_bits(np.asarray(p)[:, :, ::-1]), LOSSLESS),
    *[(f"EXIF {n}", lambda p, n=n: turned(p, n), LOSSLESS) for n in range(1, 9)],
    ("JPEG 95", lambda p: saved(p, "JPEG", quality=95), COLOUR),
    ("JPEG progressive", lambda p: saved(p, "JPEG", quality=90, progressive=True), COLOUR),
    ("JPEG CMYK", lambda p: saved(p.convert("CMYK"), "JPEG", quality=95), COLOUR),
    ("WebP", lambda p: saved(p, "WEBP", quality=90), COLOUR),
    # The best palette: with others the picture itself loses more, whoever reads it (down to 0.945).
    ("palette PNG", lambda p: saved(p.quantize(256, kmeans=3), "PNG"), COLOUR),
    ("GIF", lambda p: saved(p.quantize(256, kmeans=3), "GIF"), COLOUR),
    ("grey", lambda p: saved(p.convert("L"), "PNG"), GREY),
    ("grey JPEG", lambda p: saved(p.convert("L"), "JPEG", quality=95), GREY),
    ("grey with alpha", lambda p: saved(p.convert("LA"), "PNG"), GREY),
    ("grey 16 bits", lambda p: sixteen_bits(np.asarray(p.convert("L"))), GREY),
]


@pytest.mark.parametrize(("form", "bound"), [pytest.param(form, bound, id=name) for name, form, bound in FORMS])
def test_the_forms_of_one_picture(
    verifier: FaceVerifier, plain: Image.Image, form: Callable[[Image.Image], bytes], bound: float
) -> None:
    assert verifier.verify(np.asarray(plain), form(plain)).similarity >= bound


def test_the_ways_to_give_a_picture(verifier: FaceVerifier, plain: Image.Image, tmp_path: Path) -> None:
    path = tmp_path / "Ĝørð 名前 🙂.png"
    path.write_bytes(saved(plain, "PNG"))
    with path.open("rb") as file:
        ways: list[Photo] = [
            path,
            str(path),
            path.read_bytes(),
            io.BytesIO(path.read_bytes()),
            file,
            plain,
            np.asarray(plain),
        ]
        results = verifier.verify_many([(np.asarray(plain), way) for way in ways])
    for result in results:
        assert isinstance(result, Verification)
        assert result.similarity == pytest.approx(1, abs=1e-6)


def png_of(width: int, height: int) -> bytes:
    """A PNG whose header says so many pixels; there are none."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def whole() -> bytes:
    return saved(Image.effect_noise((200, 200), 60).convert("RGB"), "JPEG")


REFUSED: dict[str, tuple[bytes | None, int, str]] = {
    "missing": (None, 3, "No such file"),
    "empty": (b"", 3, "is empty"),
    "text": (b"not a picture", 3, "is not a picture"),
    "svg": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", 3, "is not a picture"),
    "cut off": (whole()[:-400], 3, "truncated"),
    "header alone": (whole()[:100], 3, ""),
    "50 million pixels": (png_of(10_000, 5_001), 3, "make it smaller"),
    "a bomb": (png_of(2**31 - 1, 2**31 - 1), 3, "make it smaller"),
    "no pixels": (png_of(0, 10), 3, ""),
    "32 bits": (saved(Image.new("F", (200, 200)), "TIFF"), 3, "8 or 16 bits"),
    "one pixel": (saved(Image.new("RGB", (1, 1)), "PNG"), 4, "found no face"),
    "a wall": (saved(Image.new("RGB", (300, 200), "grey"), "PNG"), 4, "found no face"),
    "noise": (whole(), 4, "found no face"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_refused(
    kind: str, drawn_photos: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, code, words = REFUSED[kind]
    model = write_model(tmp_path / "tiny.onnx", metadata=raw_metadata())
    photo = tmp_path / "it.jpg"
    if data is not None:
        photo.write_bytes(data)
    options = ["--model", str(model), "--detector", "mtcnn"]
    for photos in ([str(photo), str(drawn_photos[0])], [str(drawn_photos[0]), str(photo)]):
        assert face_verify([*photos, *options]) == code
        out, err = capsys.readouterr()
        assert out == ""
        assert err.count("\n") == 1 and "it.jpg: " in err and words in err
    (alone,) = FaceVerifier(model, detector="mtcnn").verify_many([(photo, drawn_photos[0])])
    assert isinstance(alone, SFaceError)
    assert alone.exit_code == code


def test_a_folder_is_no_picture(drawn_photos: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = write_model(tmp_path / "tiny.onnx", metadata=raw_metadata())
    assert face_verify([str(tmp_path), str(drawn_photos[0]), "--model", str(model)]) == 3
    assert str(tmp_path) in capsys.readouterr().err


def test_one_open_file_or_picture_twice(verifier: FaceVerifier, drawn_photos: list[Path]) -> None:
    """Photos are read by several threads, but not one and the same source."""
    for _ in range(5):
        with drawn_photos[0].open("rb") as file, Image.open(drawn_photos[0]) as picture:
            for source in (file, picture):
                assert verifier.verify(source, source).similarity == pytest.approx(1, abs=1e-5)
                units = verifier.embed([source] * 6)
                assert (units @ units[0] > 1 - 1e-5).all()

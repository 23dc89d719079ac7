"""Verification sets: every way in which they are written, and every way in which they are damaged or hostile."""

import os
import pickle
import pickletools
import resource
import struct
import tracemalloc
import zlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from sface.datasets.encoded import decode, encode_jpeg
from sface.errors import DataError, ImageError, UsageError
from sface.evaluate.protocols.bin_sets import open_bin, open_sets

PAIRS = 12
SAME = [pair % 3 != 1 for pair in range(PAIRS)]


def colour(number: int) -> tuple[int, int, int]:
    """RGB of image `number` of the small set."""
    return 10 * number, 255 - 9 * number, 3 * number


def encoded(number: int, size: int = 16, suffix: str = ".png") -> bytes:
    image = np.full((size, size, 3), colour(number)[::-1], dtype=np.uint8)
    return cv2.imencode(suffix, image)[1].tobytes()


IMAGES = [encoded(number) for number in range(2 * PAIRS)]


def python2(images: list[bytes] = IMAGES, same: list[bool] = SAME, *, memo: bool = True, short: bool = False) -> bytes:
    """As cPickle of Python 2 wrote it: strings of bytes, each put into the memo."""
    parts = [b"\x80\x02]q\x00("]
    for number, image in enumerate(images, start=1):
        parts.append(b"U" + bytes([len(image)]) if short else b"T" + struct.pack("<I", len(image)))
        parts.append(image)
        if memo:
            parts.append(b"r" + struct.pack("<I", number))
    parts += [b"e](", *(b"\x88" if answer else b"\x89" for answer in same), b"e\x86."]
    return b"".join(parts)


def arrays(shape: tuple[int, ...] = (-1,)) -> list[Any]:
    """Images as cv2.imencode gives them."""
    return [np.frombuffer(image, dtype=np.uint8).reshape(shape).copy() for image in IMAGES]


def written(tmp_path: Path, data: bytes) -> Path:
    path = tmp_path / "small.bin"
    path.write_bytes(data)
    return path


WAYS = {
    "Python 2": python2(),
    "Python 2 without memo": python2(memo=False),
    "Python 2, short strings": python2(memo=False, short=True),
    "a list of lists": pickle.dumps([IMAGES, SAME]),
    **{f"bytes, protocol {protocol}": pickle.dumps((IMAGES, SAME), protocol) for protocol in (1, 2, 3, 4, 5)},
    **{
        f"NumPy {shape}, protocol {protocol}": pickle.dumps(
            (arrays(shape), [np.bool_(same) for same in SAME]), protocol
        )
        for protocol in (2, 3, 4, 5)
        for shape in ((-1,), (-1, 1), (1, -1))
    },
    **{f"array of bools, protocol {p}": pickle.dumps((IMAGES, np.array(SAME)), p) for p in (2, 3, 4, 5)},
    "NumPy 2": pickle.dumps((arrays(), SAME), 2).replace(b"numpy.core.", b"numpy._core."),
    "bytearrays": pickle.dumps(([bytearray(image) for image in IMAGES], SAME), 5),
}


@pytest.mark.parametrize("way", WAYS)
def test_every_way_of_writing_gives_the_same_set(way: str, tmp_path: Path) -> None:
    bin_set = open_bin(written(tmp_path, WAYS[way]))
    assert (bin_set.name, bin_set.size, len(bin_set)) == ("small", 16, PAIRS)
    assert bin_set.same.dtype == bool
    assert bin_set.same.tolist() == SAME
    images = bin_set.images(0, PAIRS)
    assert images.dtype == np.uint8
    assert images.shape == (2 * PAIRS, 16, 16, 3)
    assert [tuple(image[3, 5].tolist()) for image in images] == [colour(number) for number in range(2 * PAIRS)]
    assert np.array_equal(bin_set.images(3, 5), images[6:10])
    assert bin_set.images(4, 4).shape == (0, 16, 16, 3)
    with pytest.raises(IndexError):
        bin_set.images(3, PAIRS + 1)


def test_one_image_object_may_stand_in_many_pairs(tmp_path: Path) -> None:
    path = written(tmp_path, pickle.dumps(([IMAGES[4]] * (2 * PAIRS), SAME)))
    assert path.stat().st_size < 3 * len(IMAGES[4])  # one copy and references
    assert (open_bin(path).images(0, PAIRS)[:, 0, 0] == colour(4)).all()


def test_jpegs_in_which_data_is_missing(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (2 * PAIRS, 16, 16, 3), dtype=np.uint8)
    jpegs = [encode_jpeg(image) for image in noise]
    jpegs[5] = jpegs[5][:-20] + b"\xff\xd9"
    bin_set = open_bin(written(tmp_path, pickle.dumps((jpegs, SAME))))
    assert bin_set.images(0, 2).shape == (4, 16, 16, 3)
    with pytest.raises(ImageError, match=r"small\.bin.*5.*is damaged or truncated .*premature end"):
        bin_set.images(0, PAIRS)


def test_a_real_set_is_neither_held_nor_decoded(shared: Path) -> None:
    path = shared / "faces_celeba293_112x112" / "lfw.bin"
    tracemalloc.start()
    try:
        bin_set = open_bin(path)
        images = bin_set.images(5990, 6000)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < path.stat().st_size / 8
    assert (len(bin_set), int(bin_set.same.sum()), bin_set.size, bin_set.name) == (6000, 3000, 112, "lfw")
    with path.open("rb") as file:  # the last image, found by its markers
        jpeg = file.read()[-20_000:]
    last = jpeg[jpeg.rfind(b"\xff\xd8\xff") : jpeg.rfind(b"\xff\xd9") + 2]
    assert np.array_equal(images[-1], cv2.imdecode(np.frombuffer(last, np.uint8), cv2.IMREAD_COLOR)[:, :, ::-1])


class Attack:
    """Unpickling makes a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self._folder),)


@pytest.mark.parametrize("protocol", range(6))
def test_nothing_is_run(protocol: int, tmp_path: Path) -> None:
    folder = tmp_path / "made"
    for images, same in (([*IMAGES, Attack(folder)], SAME), (IMAGES, [*SAME, Attack(folder)])):
        path = written(tmp_path, pickle.dumps((images, same), protocol))
        with pytest.raises(DataError, match=r"small\.bin: not a verification set"):
            open_bin(path)
        assert not folder.exists()
    pickle.loads(path.read_bytes())
    assert folder.exists()  # it would have been


@pytest.mark.parametrize(
    "program",
    [
        b"cos\nsystem\n(S'true'\ntR.",
        b"\x80\x02cposix\nsystem\nU\x04true\x85R.",
        b"\x80\x04\x8c\x08builtins\x8c\x04eval\x93\x8c\x031+1\x85R.",
        b"\x80\x04\x8c\x05numpy\x8c\x04load\x93.",
        b"(ios\nsystem\n.",
        b"(S'true'\nios\nsystem\n.",
        b"\x80\x02\x82\x01.",
        b"\x80\x02cnumpy\nndarray\n)\x81.",
        b"\x80\x02cnumpy\nndarray\n)R.",
        b"\x80\x02}Q.",
        b"Pname\n.",
    ],
)
def test_other_programs_are_refused(program: bytes, tmp_path: Path) -> None:
    list(pickletools.genops(program))  # a whole pickle
    with pytest.raises(DataError, match="not a verification set"):
        open_bin(written(tmp_path, program))


def test_a_hostile_name_is_said(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"it wants to use 'os\.system', which no verification set needs"):
        open_bin(written(tmp_path, b"\x80\x02cos\nsystem\nU\x04true\x85R."))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "is empty"),
        (b"\xff\xd8\xff\xe0 a photo", "not a verification set"),
        (b"\x80\x02].", "does not hold two lists"),
        (pickle.dumps((IMAGES, SAME, SAME)), "does not hold two lists"),
        (pickle.dumps((IMAGES, dict.fromkeys(range(PAIRS), True))), "instruction EMPTY_DICT"),
        (pickle.dumps((IMAGES, "yes")), "does not hold two lists"),
        (pickle.dumps((IMAGES[:-1], SAME)), "holds 23 images for 12 pairs"),
        (pickle.dumps((IMAGES[:PAIRS], SAME)), "holds 12 images for 12 pairs"),
        (pickle.dumps((IMAGES, SAME[:-1])), "holds 24 images for 11 pairs"),
        (pickle.dumps(([], [])), "holds 0 pairs"),
        (pickle.dumps((IMAGES[:18], SAME[:9])), "holds 9 pairs"),
        (pickle.dumps((IMAGES, [int(same) for same in SAME])), "answer 0 is neither True nor False"),
        (pickle.dumps((IMAGES, [None, *SAME[1:]])), "answer 0 is neither"),
        (pickle.dumps((IMAGES, np.array(SAME, dtype=np.int64))), "numbers of the type 'i8'"),
        (pickle.dumps((IMAGES, np.array(SAME, dtype=np.uint8))), "does not hold two lists"),
        (pickle.dumps((IMAGES, np.array(SAME))).replace(b"\1\0\1\1\0\1", b"\1\0\2\1\0\1"), "neither True nor False"),
        (pickle.dumps(([5, *IMAGES[1:]], SAME)), "image 0 is not the bytes"),
        (pickle.dumps(([[IMAGES[0]], *IMAGES[1:]], SAME)), "image 0 is not the bytes"),
        (pickle.dumps(([np.zeros((2, 2, 3), np.uint8), *IMAGES[1:]], SAME)), "image 0 is not the bytes"),
        (pickle.dumps((arrays(), SAME), 3).replace(b"K\x01K", b"K\x01K\x01K", 1), "changes a value in an unknown way"),
        (pickle.dumps((arrays((-1, 1)), SAME), 3).replace(b"K\x01\x86", b"K\x02\x86"), "as many bytes as its shape"),
        (pickle.dumps((arrays((1,) * 8 + (-1,)), SAME), 3), "the shape of an array is damaged"),
        (pickle.dumps((IMAGES, SAME), 2).replace("\x89PNG".encode(), b"\xff\xffPNG", 1), "damaged one .*utf-8"),
        (b"\x80\x02cos\\q\nsystem\n.", "it wants to use 'os"),
    ],
)
@pytest.mark.filterwarnings("error")
def test_what_is_no_set(data: bytes, reason: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=rf"small\.bin: .*{reason}"):
        open_bin(written(tmp_path, data))


@pytest.mark.parametrize("way", ["Python 2", "bytes, protocol 4", "NumPy (-1,), protocol 2", "NumPy (-1,), protocol 5"])
def test_a_file_that_was_cut_off(way: str, tmp_path: Path) -> None:
    data = WAYS[way]
    for length in range(1, len(data), 7):
        with pytest.raises(DataError, match="damaged one"):
            open_bin(written(tmp_path, data[:length]))


BITMAP = cv2.imencode(".bmp", np.full((4, 4, 3), 7, dtype=np.uint8))[1].tobytes()  # no byte above 127: found in all
SMALL = [BITMAP, *(bytes([number]) for number in range(1, 2 * PAIRS))]


@pytest.mark.parametrize(
    "data",
    [
        python2(SMALL),
        *(pickle.dumps((SMALL, np.array(SAME)), protocol) for protocol in (2, 4)),
        *(pickle.dumps(([np.frombuffer(x, np.uint8).copy() for x in SMALL], SAME), protocol) for protocol in (2, 5)),
    ],
)
def test_damaged_bytes_are_an_error_or_another_set(data: bytes, tmp_path: Path) -> None:
    generator, picture, refused = np.random.default_rng(0), data.index(BITMAP), 0
    for _ in range(400):
        damaged = bytearray(data)
        for place in generator.integers(0, len(data), 3):
            if not picture <= place < picture + len(BITMAP):  # how OpenCV fails is not the question
                damaged[place] = generator.integers(0, 256)
        try:
            bin_set = open_bin(written(tmp_path, bytes(damaged)))
            assert len(bin_set) >= 10
        except (DataError, ImageError):
            refused += 1
    assert refused > 100


@pytest.mark.parametrize("way", ["Python 2", "bytes, protocol 2", *(f"NumPy (-1,), protocol {p}" for p in (2, 4, 5))])
def test_inserted_instructions_are_an_error_or_another_set(way: str, tmp_path: Path) -> None:
    generator, refused = np.random.default_rng(0), 0
    places = [position or 0 for _, _, position in pickletools.genops(WAYS[way])]
    codes = [opcode.code.encode("latin-1") for opcode in pickletools.opcodes]
    for _ in range(200):
        place, code = generator.choice(places), codes[generator.integers(len(codes))]
        try:
            open_bin(written(tmp_path, WAYS[way][:place] + code + WAYS[way][place:]))
        except (DataError, ImageError):
            refused += 1
    assert refused > 100


def test_a_length_beyond_all_memory(tmp_path: Path) -> None:
    data = b"\x80\x04]\x8e" + struct.pack("<Q", 1 << 62) + b"abc"
    with pytest.raises(DataError, match="not a verification set"):
        open_bin(written(tmp_path, data))


def test_images_that_cannot_be_decoded(tmp_path: Path) -> None:
    photo = encoded(3, 64, ".jpg")
    damaged = "not an image, or a damaged one"
    cases = {
        b"no picture": damaged,
        b"": "empty",
        photo[: len(photo) // 2]: "a JPEG that was cut off",
        IMAGES[5][:30]: damaged,
    }
    for data, reason in cases.items():
        path = written(tmp_path, python2([*IMAGES[:5], data, *IMAGES[6:]]))
        bin_set = open_bin(path)
        assert len(bin_set.images(0, 2)) == 4, reason
        with pytest.raises(ImageError, match=rf"small\.bin: image 5: {reason}"):
            bin_set.images(2, 3)
    with pytest.raises(ImageError, match=f"image 0: {damaged}"):
        open_bin(written(tmp_path, python2([b"x", *IMAGES[1:]])))


def test_images_of_other_sizes(tmp_path: Path) -> None:
    bin_set = open_bin(written(tmp_path, python2([*IMAGES[:7], encoded(7, 20), *IMAGES[8:]])))
    with pytest.raises(ImageError, match="image 7 has 20x20 pixels, but the first 16x16"):
        bin_set.images(0, PAIRS)
    open_bin(written(tmp_path, python2([encoded(0, 1024)] * 24)))
    with pytest.raises(ImageError, match="image 0: more than 1024 pixels a side"):
        open_bin(written(tmp_path, python2([encoded(0, 1025)] * 24)))
    oblong = cv2.imencode(".png", np.zeros((16, 12, 3), np.uint8))[1].tobytes()
    with pytest.raises(DataError, match="image 0 has 16x12 pixels; crops must be square"):
        open_bin(written(tmp_path, python2([oblong] * 24)))


def said_to_be_huge(suffix: str) -> bytes:
    """A file of some hundred bytes whose header says that it has 20,000 x 20,000 pixels."""
    data, size = encoded(1, 16, suffix), 20_000
    if suffix == ".png":
        head = b"IHDR" + struct.pack(">II", size, size) + data[24:29]
        return data[:12] + head + struct.pack(">I", zlib.crc32(head)) + data[33:]
    if suffix == ".bmp":
        return data[:18] + struct.pack("<ii", size, size) + data[26:]
    place = data.index(b"\xff\xc0") + 5
    return data[:place] + struct.pack(">HH", size, size) + data[place + 4 :]


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp"])
def test_a_small_file_that_says_it_is_huge(suffix: str, tmp_path: Path) -> None:
    """It is refused by its header: decoding it would take more than a gigabyte."""
    data = said_to_be_huge(suffix)
    bin_set = open_bin(written(tmp_path, python2([*IMAGES[:5], data, *IMAGES[6:]])))
    limits = resource.getrlimit(resource.RLIMIT_AS)
    held = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (held + (1 << 29), limits[1]))
    try:
        with pytest.raises(ImageError, match=r"small\.bin: image 5: more than 1024 pixels a side"):
            bin_set.images(2, 3)
        with pytest.raises(ImageError, match="a: more than 1024 pixels a side"):
            decode("a", data)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, limits)


def test_a_file_that_is_not_there_or_not_a_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.bin: can't be read \(No such file"):
        open_bin(tmp_path / "none.bin")
    with pytest.raises(DataError, match="is not a file"):
        open_bin(tmp_path)
    os.mkfifo(tmp_path / "pipe.bin")
    with pytest.raises(DataError, match="is not a file"):
        open_bin(tmp_path / "pipe.bin")


def test_a_file_that_becomes_shorter(tmp_path: Path) -> None:
    path = written(tmp_path, python2())
    bin_set = open_bin(path)
    os.truncate(path, 500)
    with pytest.raises(ImageError, match="has become shorter"):
        bin_set.images(0, PAIRS)


def test_named_sets_and_those_that_are_there(tmp_path: Path) -> None:
    for name in ("mine", "agedb_30", "lfw"):
        (tmp_path / f"{name}.bin").write_bytes(python2())
    assert [opened.name for opened in open_sets(tmp_path, None, 16)] == ["lfw", "agedb_30"]
    assert [opened.name for opened in open_sets(tmp_path, ("mine", "lfw"), 16)] == ["mine", "lfw"]
    assert open_sets(tmp_path / "nowhere", None, 16) == []
    for target in (("lfw", "lfw"), ("lfw", "mine", "sub/lfw")):
        with pytest.raises(UsageError, match=f"target {','.join(target)}: names 2 sets lfw"):
            open_sets(tmp_path, target, 16)
    with pytest.raises(DataError, match=r"calfw\.bin: can't be read"):
        open_sets(tmp_path, ("lfw", "calfw"), 16)
    with pytest.raises(DataError, match=r"lfw\.bin: crops of 16 pixels for a network of 112; leave it out"):
        open_sets(tmp_path, None, 112)

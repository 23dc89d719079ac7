"""Drawn faces: pictures of made-up people, for trying the whole chain without anybody's photo.

A picture is a function of three numbers: `seed` (the set), `person` and `photo`. The same numbers give the same bytes,
in any order and any process, with the same versions of NumPy and OpenCV on the same kind of processor.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...runtime.opencv import cv2
from .canvas import RGB, Array, Canvas, arc, ellipse, mirrored, mix, ribbon, smooth
from .people import Head, Person, Pose, draw_person
from .portrait import Expression, paint_portrait

__all__ = ["Drawn", "Person", "draw_face", "draw_person"]

SIZE = 224  # pixels: the faces' eyes are about 40 pixels apart, as in a crop

# The most a head turns, in degrees.
_YAW, _PITCH, _ROLL = 26, 14, 20


@dataclass(frozen=True, slots=True)
class Drawn:
    """A drawn picture and what is in it.

    image      uint8 (S, S, 3), RGB
    landmarks  float32 (5, 2): x, y in pixels of the image-left eye, the image-right eye, the nose's tip, the image-left
               and the image-right corner of the mouth, as drawn, also where something covers them
    """

    image: NDArray[np.uint8]
    landmarks: NDArray[np.float32]


def draw_face(seed: int, person: int, photo: int, size: int = SIZE) -> Drawn:
    """Draw photo number `photo` of person number `person` of the set `seed`, `size` pixels wide and high.

    Pose, expression, light, background, what covers the face, blur and noise depend on all three numbers; the person
    (`draw_person`) on the first two. All are integers of at least 0.
    """
    rng = np.random.default_rng([1, seed, person, photo])
    who = draw_person(seed, person)
    pose = _pose(rng, size)
    canvas = Canvas(_background(rng, size), pose.scale)
    landmarks = paint_portrait(canvas, who, pose, _expression(rng), _colour(rng, 20, 230, vivid=0.7))
    _cover(rng, canvas, Head(who, pose))
    _light(rng, canvas, Head(who, pose))
    return Drawn(_camera(rng, canvas), landmarks.astype(np.float32))


def _between(rng: np.random.Generator, low: float, high: float) -> float:
    return float(low + (high - low) * rng.random())


def _colour(rng: np.random.Generator, low: float, high: float, vivid: float = 1.0) -> RGB:
    """A random colour; the less `vivid`, 0..1, the nearer to grey."""
    red, green, blue = low + (high - low) * rng.random(3)
    grey = (red + green + blue) / 3
    return mix((grey, grey, grey), (red, green, blue), vivid)


def _pose(rng: np.random.Generator, size: int) -> Pose:
    # The sum of two random numbers: most heads look nearly ahead.
    yaw, pitch, roll = (limit * (rng.random() + rng.random() - 1) for limit in np.deg2rad([_YAW, _PITCH, _ROLL]))
    scale = size * _between(rng, 0.26, 0.32)
    x, y = (size * _between(rng, middle - 0.05, middle + 0.05) for middle in (0.5, 0.49))
    return Pose(yaw, pitch, roll, scale, x, y)


def _expression(rng: np.random.Generator) -> Expression:
    return Expression(
        smile=_between(rng, -0.4, 1.0),
        mouth=_between(rng, 0.25, 1.0) if rng.random() < 0.3 else 0.0,
        eyes=_between(rng, 0.6, 1.12),
        brows=_between(rng, -0.02, 0.05),
        gaze=(_between(rng, -1, 1), _between(rng, -1, 1)),
    )


def _background(rng: np.random.Generator, size: int) -> Array:
    """Soft blotches of colour, from a gradient to something like a busy room: float32 (size, size, 3)."""
    cells = int(rng.integers(2, 9))
    middle, spread = np.array(_colour(rng, 30, 220, vivid=0.6)), _between(rng, 10, 90)
    grey, tint = (rng.random((cells, cells, channels)) * 2 - 1 for channels in (1, 3))
    blotches = (middle + spread * (0.8 * grey + 0.4 * tint)).astype(np.float32)
    return np.clip(cv2.resize(blotches, (size, size), interpolation=cv2.INTER_CUBIC), 0, 255)


def _cover(rng: np.random.Generator, canvas: Canvas, head: Head) -> None:
    """In some pictures, put glasses on, or something before the chin, the forehead or a cheek."""
    person, kind, colour = head.person, rng.random(), _colour(rng, 10, 220)
    if kind < 0.12:
        _put_glasses_on(rng, canvas, head)
    elif kind < 0.20:
        top = person.mouth_y + _between(rng, 0.10, 0.25)
        scarf = smooth(mirrored([(0.4, top + 0.06), (0.95, top - 0.10), (1.25, 1.5)]))
        canvas.paint(head.beside(scarf, 0.3), colour, soft=0.02)
    elif kind < 0.28:
        bottom = person.eye_y - person.brow_gap - _between(rng, 0.06, 0.25)
        width = person.cheek_width + 0.14
        crown = mirrored([(width, bottom), (0.95 * width, -0.9), (0.6 * width, -1.3)])
        edge = arc((-width, bottom), (width, bottom), -0.06)
        canvas.paint(head.beside(np.concatenate([crown, edge]), 0.25), colour, soft=0.015)
        brim = ribbon(edge, 0.09)
        canvas.paint(head.beside(brim, 0.45), mix(colour, (0, 0, 0), 0.4), soft=0.02)
    elif kind < 0.36:
        # A hand, a cup, a shoulder in front: at the edge of the face, so that the eyes stay free.
        side = rng.choice([-1, 1])
        x, y = side * _between(rng, 0.55, 0.8), _between(rng, 0.2, 0.9)
        thing = ellipse(x, y, _between(rng, 0.15, 0.35), _between(rng, 0.2, 0.4), tilt=_between(rng, -1.5, 1.5))
        canvas.paint(head.beside(thing, 0.5), colour, soft=0.015)


def _put_glasses_on(rng: np.random.Generator, canvas: Canvas, head: Head) -> None:
    person, colour = head.person, mix(_colour(rng, 10, 120), (15, 15, 15), 0.6)
    width, height, thickness = _between(rng, 0.19, 0.24), _between(rng, 0.13, 0.19), _between(rng, 0.014, 0.04)
    tint = _between(rng, 0.0, 0.25)
    y = person.eye_y + 0.02
    for side in (-1, 1):
        lens = ellipse(side * person.eye_x, y, width, height, corners=28)
        canvas.paint(head.on_face(lens, 0.08), colour, soft=0.006, opacity=tint)
        rim = np.concatenate([lens, lens[:2]])
        canvas.paint(head.on_face(ribbon(rim, thickness), 0.08), colour, soft=0.005)
        temple = np.array([(side * (person.eye_x + width), y - 0.02), (side * (person.cheek_width + 0.02), y - 0.04)])
        canvas.paint(head.on_face(ribbon(temple, thickness), 0.02), colour, soft=0.005)
    bridge = arc((-person.eye_x + width, y - 0.02), (person.eye_x - width, y - 0.02), 0.03)
    canvas.paint(head.on_face(ribbon(bridge, thickness), 0.12), colour, soft=0.005)


def _light(rng: np.random.Generator, canvas: Canvas, head: Head) -> None:
    """Light the canvas: one lamp somewhere, what the room gives back, each in its own colour, and a shadow at times."""
    side, above, before = _between(rng, -1, 1), _between(rng, -0.9, 0.35), _between(rng, 0.45, 1.2)
    lamp = np.array([side, above, before]) / np.linalg.norm([side, above, before])
    height = cv2.GaussianBlur(canvas.height, (0, 0), 0.015 * canvas.scale)
    slope_x, slope_y = (cv2.Sobel(height, cv2.CV_32F, *order, scale=1 / 8) for order in ((1, 0), (0, 1)))
    facing = (lamp[2] - lamp[0] * slope_x - lamp[1] * slope_y) / np.sqrt(1 + slope_x**2 + slope_y**2)
    # The background is flat: only the head and its hair have slopes.
    near = canvas.mask(head.beside(head.outline() * 1.05), soft=0.04)
    facing = np.maximum(lamp[2] + near * (facing - lamp[2]), 0).astype(np.float32)
    room = _between(rng, 0.25, 0.75)
    total = _between(rng, 0.7, 1.3)
    lamp_colour, room_colour = (np.array(_colour(rng, 1 - cast, 1 + cast), np.float32) for cast in (0.22, 0.22))
    light = (1.25 * total * (1 - room) * facing)[..., None] * lamp_colour + np.float32(total * room) * room_colour
    if rng.random() < 0.4:
        light *= 1 - _between(rng, 0.2, 0.6) * _half_plane(rng, canvas)[..., None]
    canvas.colour *= light


def _half_plane(rng: np.random.Generator, canvas: Canvas) -> Array:
    """One side of a random line across the picture's middle, with a soft edge: float32 (H, W), 0..1."""
    size = len(canvas.colour)
    angle, offset = _between(rng, 0, 2 * np.pi), _between(rng, -0.25, 0.25) * size
    rows, columns = np.indices((size, size), np.float32) - size / 2
    distance = columns * np.float32(np.cos(angle)) + rows * np.float32(np.sin(angle)) - np.float32(offset)
    return np.clip(0.5 + distance / np.float32(_between(rng, 0.02, 0.3) * size), 0, 1)


def _camera(rng: np.random.Generator, canvas: Canvas) -> NDArray[np.uint8]:
    """What a camera makes of it: contrast, blur, noise; uint8 (H, W, 3)."""
    picture = np.clip(canvas.colour, 0, 255) / np.float32(255)
    picture = cv2.pow(picture, _between(rng, 0.75, 1.35))
    blur = canvas.scale * (_between(rng, 0.008, 0.028) if rng.random() < 0.4 else 0.004)
    picture = cv2.GaussianBlur(picture, (0, 0), blur)
    noise = rng.standard_normal(picture.shape, np.float32)
    picture = picture * np.float32(255) + noise * np.float32(_between(rng, 1, 9))
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8)

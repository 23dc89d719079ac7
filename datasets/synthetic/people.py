"""Made-up people: what makes a drawn face this person's and nobody else's, the same in every picture.

Lengths are in face units: 1 is half the height of an average face, and the eyes of an average face are 0.62 apart. The
origin lies between the eyes and the nose; x points to the right of the picture, y down, z to the viewer. Angles are in
radians, colours RGB 0..255, and strengths between 0 (none) and 1.
"""

import math
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from .canvas import RGB, Array, mirrored, mix, smooth

HairStyle = Literal["bald", "short", "parted", "fringe", "long", "volume"]
HAIR_STYLES: tuple[HairStyle, ...] = get_args(HairStyle)

# From light to dark: a person's colour lies somewhere between two neighbours.
SKINS = ((246, 214, 192), (232, 190, 160), (205, 156, 118), (164, 113, 78), (118, 78, 54), (86, 57, 43))
HAIRS = ((22, 19, 20), (52, 35, 27), (98, 64, 40), (134, 74, 38), (176, 132, 78), (160, 156, 152))
IRISES = ((58, 36, 24), (92, 60, 34), (104, 104, 62), (92, 124, 150), (112, 124, 130))


@dataclass(frozen=True, slots=True)
class Mark:
    """A mole: where it is on the face, its radius, and how dark it is."""

    x: float
    y: float
    radius: float
    strength: float


@dataclass(frozen=True, slots=True)
class Person:
    """The geometry and colours of one person."""

    # The head, as half-widths at four heights, and where it ends below.
    forehead_width: float
    cheek_width: float
    jaw_width: float
    chin_width: float
    chin_y: float
    depth: float  # from the plane of the ears to the front of the face
    ear_size: float
    # The eyes.
    eye_x: float  # half the distance between their centres
    eye_y: float
    eye_width: float  # half
    eye_height: float  # half
    eye_tilt: float  # positive: the outer corners are higher
    iris_radius: float
    lid: float  # the distance of the upper lid's crease from the eye
    eye_bags: float
    # The brows.
    brow_gap: float  # between brow and eye
    brow_length: float
    brow_thickness: float
    brow_arch: float
    brow_tilt: float
    brow_strength: float
    # The nose.
    nose_y: float  # the tip's height
    nose_width: float  # half, at the wings
    nose_bridge: float  # half the width of its back
    nose_height: float  # how far the tip stands out
    # The mouth.
    mouth_y: float
    mouth_width: float  # half
    upper_lip: float
    lower_lip: float
    mouth_bow: float  # how deep the upper lip's bow is
    mouth_curve: float  # positive: the corners are lower
    lip_redness: float
    # What age and sun leave.
    cheekbones: float
    folds: float  # from the nose to the corners of the mouth
    freckles: float
    marks: tuple[Mark, ...]
    # Hair.
    hair_style: HairStyle
    hairline: float  # its height in the middle of the forehead
    hair_peak: float  # positive: a widow's peak, negative: receding in the middle
    hair_temples: float  # how far the hairline comes down at the temples
    hair_parting: float  # where the hair is parted, -1..1 of the forehead's width
    hair_volume: float
    moustache: float
    beard: float
    beard_length: float
    # Colours.
    skin: RGB
    hair: RGB
    iris: RGB


def draw_person(seed: int, person: int) -> Person:
    """Draw the person with number `person` of the set `seed`: the same for the same two numbers, in any order.

    Both are integers of at least 0. Most properties are independent of each other and uniform within their range;
    beards, moustaches, freckles, folds and bags under the eyes are for some people only, and hair is never brighter
    than the skin.
    """
    rng = np.random.default_rng([0, seed, person])

    def between(low: float, high: float) -> float:
        return float(low + (high - low) * rng.random())

    def sometimes(share: float, low: float, high: float) -> float:
        value, shown = between(low, high), rng.random() < share
        return value if shown else 0.0

    def shade(shades: tuple[RGB, ...], vary: float) -> RGB:
        place = between(0, len(shades) - 1)
        low = min(int(place), len(shades) - 2)
        colour = np.array(shades[low]) + (place - low) * (np.array(shades[low + 1]) - np.array(shades[low]))
        red, green, blue = (float(np.clip(value + between(-vary, vary), 5, 250)) for value in colour)
        return red, green, blue

    skin, hair = shade(SKINS, 8), shade(HAIRS, 8)
    # Hair brighter than the skin would make a face that detectors don't take for one.
    hair = mix((0, 0, 0), hair, min(1.0, 0.7 * sum(skin) / sum(hair)))
    cheek_width = between(0.60, 0.80)
    eye_x = between(0.265, 0.355)
    return Person(
        forehead_width=cheek_width * between(0.82, 1.02),
        cheek_width=cheek_width,
        jaw_width=cheek_width * between(0.66, 0.98),
        chin_width=between(0.16, 0.40),
        chin_y=between(0.90, 1.14),
        depth=between(0.68, 0.80),
        ear_size=between(0.13, 0.22),
        eye_x=eye_x,
        eye_y=between(-0.15, -0.05),
        eye_width=min(between(0.105, 0.165), eye_x - 0.13),
        eye_height=between(0.040, 0.075),
        eye_tilt=between(-0.22, 0.28),
        iris_radius=between(0.052, 0.070),
        lid=between(0.020, 0.075),
        eye_bags=sometimes(0.5, 0.3, 1.0),
        brow_gap=between(0.07, 0.19),
        brow_length=between(0.15, 0.23),
        brow_thickness=between(0.018, 0.060),
        brow_arch=between(0.0, 0.075),
        brow_tilt=between(-0.24, 0.30),
        brow_strength=between(0.45, 0.95),
        nose_y=between(0.20, 0.36),
        nose_width=between(0.105, 0.205),
        nose_bridge=between(0.035, 0.080),
        nose_height=between(0.14, 0.26),
        mouth_y=between(0.50, 0.64),
        mouth_width=between(0.19, 0.33),
        upper_lip=between(0.022, 0.075),
        lower_lip=between(0.040, 0.100),
        mouth_bow=between(0.0, 0.030),
        mouth_curve=between(-0.035, 0.045),
        lip_redness=between(0.15, 0.75),
        cheekbones=between(0.0, 1.0),
        folds=sometimes(0.6, 0.3, 1.0),
        freckles=sometimes(0.2, 0.5, 1.0),
        marks=tuple(
            Mark(between(-0.5, 0.5), between(-0.45, 0.75), between(0.016, 0.030), between(0.6, 0.95))
            for _ in range(int(rng.integers(0, 4)))
        ),
        hair_style=HAIR_STYLES[int(rng.choice(len(HAIR_STYLES), p=(0.08, 0.24, 0.20, 0.16, 0.18, 0.14)))],
        hairline=between(-0.84, -0.58),
        hair_peak=between(-0.10, 0.12),
        hair_temples=between(0.05, 0.30),
        hair_parting=between(-0.8, 0.8),
        hair_volume=between(0.05, 0.24),
        moustache=sometimes(0.28, 0.35, 0.9),
        beard=sometimes(0.28, 0.30, 0.9),
        beard_length=between(0.0, 0.14),
        skin=skin,
        hair=hair,
        iris=shade(IRISES, 10),
    )


@dataclass(frozen=True, slots=True)
class Pose:
    """Where the head is in the picture and where it looks to: angles in radians, lengths in pixels.

    yaw    positive: to the right of the picture
    pitch  positive: down
    roll   positive: clockwise
    scale  pixels for a face unit
    x, y   the place of the face's origin
    """

    yaw: float
    pitch: float
    roll: float
    scale: float
    x: float
    y: float

    def project(self, points: Array) -> Array:
        """Where points (N, 3) of the head, in face units, are in the picture: (N, 2), in pixels; no perspective."""
        x, y, z = points.T
        sin, cos = math.sin, math.cos
        z_yawed = z * cos(self.yaw) - x * sin(self.yaw)
        x, y = x * cos(self.yaw) + z * sin(self.yaw), y * cos(self.pitch) + z_yawed * sin(self.pitch)
        projected: Array = np.empty((len(points), 2))
        projected[:, 0] = self.x + self.scale * (x * cos(self.roll) - y * sin(self.roll))
        projected[:, 1] = self.y + self.scale * (x * sin(self.roll) + y * cos(self.roll))
        return projected


@dataclass(frozen=True, slots=True)
class Head:
    """A person in a pose: turns places on the face, (N, 2) in face units, into places in the picture."""

    person: Person
    pose: Pose

    def on_face(self, points: Array, lift: float | Array = 0.0) -> Array:
        """Places on the face's surface, or `lift` units before it: (N, 2) in pixels."""
        x, y = points.T
        inside = 1 - (x / (1.06 * self.person.cheek_width)) ** 2 - ((y - 0.03) / 1.25) ** 2
        return self.pose.project(np.stack([x, y, self.person.depth * np.sqrt(np.maximum(inside, 0.03)) + lift], axis=1))

    def beside(self, points: Array, depth: float = 0.0) -> Array:
        """Places in the plane of the ears, or `depth` units before it: (N, 2) in pixels."""
        return self.pose.project(np.column_stack([points, np.full(len(points), depth)]))

    def outline(self) -> Array:
        """The head's outline in face units, closed, from the crown over the picture's right to the chin: (N, 2)."""
        person = self.person
        middle = 0.6 * person.cheek_width + 0.4 * person.jaw_width
        right = [
            (0.55 * person.forehead_width, -1.03),
            (0.92 * person.forehead_width, -0.80),
            (person.forehead_width, -0.48),
            (person.cheek_width, -0.05),
            (middle, 0.36),
            (person.jaw_width, 0.62),
            (0.5 * (person.jaw_width + person.chin_width), 0.62 + 0.72 * (person.chin_y - 0.62)),
            (person.chin_width, person.chin_y - 0.035),
        ]
        return smooth(mirrored([(0.0, -1.12), *right, (0.0, person.chin_y)]))

"""Paints a person's hair: behind the head, before the forehead, and on the chin."""

import numpy as np

from .canvas import Array, Canvas, arc, ellipse, mirrored, mix, ribbon
from .people import HairStyle, Head, Person

# How much of the hair's volume stands above the crown.
_LIFT: dict[HairStyle, float] = {"short": 0.3, "parted": 0.6, "fringe": 0.6, "long": 0.6, "volume": 1.0}


def paint_back_hair(canvas: Canvas, head: Head) -> None:
    """What is seen of the hair behind the head; painted before the head."""
    person = head.person
    dark = mix(person.hair, (0, 0, 0), 0.25)
    if person.hair_style == "volume":
        # A cloud of curls around the upper head.
        for angle in np.linspace(0.12 * np.pi, -1.12 * np.pi, 15):
            x = (person.forehead_width + person.hair_volume) * np.cos(angle)
            y = -0.42 + (0.55 + person.hair_volume) * np.sin(angle)
            canvas.paint(head.beside(ellipse(x, y, 0.26, 0.26, corners=16), -0.1), dark, soft=0.02)
    if person.hair_style in ("long", "volume"):
        width, top = person.forehead_width + 0.6 * person.hair_volume, -1.0 - 0.5 * person.hair_volume
        down = 1.35 if person.hair_style == "long" else 0.25
        side = [(0.62 * width, top), (1.02 * width, -0.62), (1.12 * width, 0.0), (1.12 * width, down)]
        canvas.paint(head.beside(mirrored([(0.0, top - 0.16), *side]), -0.1), dark, soft=0.03)


def paint_front_hair(canvas: Canvas, head: Head) -> None:
    """The hair from the hairline over the crown, the temples, and long hair's locks beside the face."""
    person = head.person
    hair, width, cheek = person.hair, person.forehead_width, person.cheek_width
    if person.hair_style == "bald":
        for side in (-1, 1):
            rim = np.array([(side * 0.97 * cheek, y) for y in (-0.5, -0.3, -0.1, 0.05)])
            canvas.paint(head.beside(ribbon(rim, 0.09)), hair, soft=0.03, opacity=0.55)
        return
    u = np.linspace(-1, 1, 33)
    hairline = _hairline(person, u)
    lift = _LIFT[person.hair_style] * person.hair_volume
    angle = np.linspace(0, -np.pi, 17)
    crown = np.stack([(width + 0.03 + 0.5 * lift) * np.cos(angle), -0.42 + (0.72 + lift) * np.sin(angle)], axis=1)
    burns = head.beside(mirrored([(cheek - 0.05, 0.06), (cheek + 0.01, 0.06)]))  # before the ears
    line = head.on_face(np.stack([width * u, hairline], axis=1), 0.05)
    shape = np.concatenate([line, burns[:2], head.beside(crown), burns[2:]])
    shadow = ribbon(np.stack([width * u, hairline + 0.05], axis=1), 0.09)
    canvas.paint(head.on_face(shadow, 0.03), mix(person.skin, (40, 20, 16), 0.6), soft=0.03, opacity=0.35)
    canvas.paint(shape, hair, soft=0.014)
    if person.hair_style == "long":
        down = [(0.72 * width, -0.72), (0.97 * width, -0.4), (cheek, 0.0), (cheek + 0.06, 0.5), (cheek + 0.08, 1.3)]
        for side in (-1, 1):
            lock = ribbon(np.array(down) * (side, 1), 0.16 + 0.35 * person.hair_volume)
            canvas.paint(head.beside(lock, 0.15), hair, soft=0.02)
    # Strands: light and dark lines from the parting to the hairline, thinner than what a crop shows singly.
    inside = canvas.mask(shape, soft=0.012)
    for i, even in enumerate(np.linspace(-1.05, 1.05, 21)):
        x = even + 0.035 * np.sin(37.0 * i)
        start = (0.5 * width * (person.hair_parting + x), -1.15 - lift)
        strand = arc(start, (x * width, float(np.interp(x, u, hairline))), 0.08)
        tone = mix(hair, (255, 245, 230), 0.14) if i % 3 else mix(hair, (0, 0, 0), 0.3)
        thickness = 0.014 + 0.012 * (i * 7 % 5)
        canvas.paint(head.on_face(ribbon(strand, thickness), 0.05), tone, soft=0.014, opacity=0.45, clip=inside)


def _hairline(person: Person, u: Array) -> Array:
    """The hairline's height at each place `u`, -1..1 of the forehead's width."""
    if person.hair_style == "fringe":
        above_brows = person.eye_y - person.brow_gap - 0.10
        return above_brows + 0.5 * person.hair_peak + 0.5 * person.hair_temples * u**2 + 0.018 * np.cos(9 * np.pi * u)
    line = person.hairline + person.hair_temples * np.abs(u) ** 3 + person.hair_peak * np.exp(-((u / 0.25) ** 2))
    if person.hair_style == "parted":
        # From the parting the hair falls to the farther side.
        away = np.clip((u - person.hair_parting) * -np.sign(person.hair_parting), 0, 1)
        line += 0.30 * away * (1 - 0.5 * away)
    return np.asarray(line)


def paint_beard(canvas: Canvas, head: Head, face: Array) -> None:
    """Moustache and beard, as dense as the person's; `face` (H, W), 0..1, is where the face's skin is."""
    person = head.person
    colour = mix(mix(person.hair, (20, 14, 12), 0.3), person.skin, 0.1)
    if person.beard:
        jaw = [
            (person.cheek_width + 0.05, 0.12),
            (0.82 * person.jaw_width, 0.36),
            (person.mouth_width + 0.07, person.mouth_y - 0.04),
        ]
        under = (0.0, person.mouth_y + person.lower_lip + 0.05 - 0.3 * person.beard_length)
        bottom = person.chin_y + 0.05 + person.beard_length
        edge = [*jaw, (0.5 * person.mouth_width, under[1]), under]
        outside = [
            (-person.cheek_width - 0.1, 0.5),
            (-0.6 * person.jaw_width, bottom),
            (0.6 * person.jaw_width, bottom),
            (person.cheek_width + 0.1, 0.5),
        ]
        shape = head.on_face(np.concatenate([mirrored(edge), outside]))
        canvas.paint(shape, colour, soft=0.03, opacity=person.beard, clip=face)
        if person.beard_length > 0.04:
            tip = ellipse(0, person.chin_y - 0.02, 0.62 * person.jaw_width, 0.06 + person.beard_length)
            canvas.paint(head.on_face(tip), colour, soft=0.03, opacity=person.beard)
    if person.moustache:
        t = np.linspace(-1, 1, 13)
        reach = person.mouth_width * 1.08
        y = 0.5 * (person.nose_y + 0.06 + person.mouth_y - person.upper_lip) + 0.05 * t**2
        thickness = 0.11 - 0.06 * t**2
        canvas.paint(
            head.on_face(ribbon(np.stack([reach * t, y], axis=1), thickness), 0.04),
            colour,
            soft=0.016,
            opacity=person.moustache,
        )

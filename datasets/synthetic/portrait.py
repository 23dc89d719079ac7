"""Paints a person on a canvas, in a pose and with an expression: colours without light, heights for the light."""

from dataclasses import dataclass

import numpy as np

from .canvas import RGB, Array, Canvas, arc, ellipse, mirrored, mix, ribbon
from .hair import paint_back_hair, paint_beard, paint_front_hair
from .people import Head, Person, Pose


@dataclass(frozen=True, slots=True)
class Expression:
    """What a face does for a moment.

    smile   -1 (mouth drawn down) .. 1
    mouth   how far it is open, 0..1
    eyes    their opening, 1 is the person's own
    brows   how far they are raised, in face units
    gaze    where the pupils are, -1..1 across and down
    """

    smile: float
    mouth: float
    eyes: float
    brows: float
    gaze: tuple[float, float]


def paint_portrait(canvas: Canvas, person: Person, pose: Pose, expression: Expression, clothes: RGB) -> Array:
    """Paint a person and raise the canvas's heights. Returns the five landmarks, float64 (5, 2), in pixels.

    They are the middle of the image-left eye's opening, of the image-right one's, the tip of the nose, and the
    image-left and image-right corners of the mouth.
    """
    head = Head(person, pose)
    _paint_body(canvas, head, clothes)
    paint_back_hair(canvas, head)
    _paint_ears(canvas, head)
    outline = head.beside(head.outline())
    canvas.paint(outline, person.skin, soft=0.012)
    face = canvas.mask(outline, soft=0.008)
    _sculpt(canvas, head)
    _paint_skin(canvas, head, face)
    paint_beard(canvas, head, face)
    eyes = [_paint_eye(canvas, head, expression, side) for side in (-1, 1)]
    nose = _paint_nose(canvas, head)
    corners = _paint_mouth(canvas, head, expression)
    paint_front_hair(canvas, head)
    for side in (-1, 1):
        _paint_brow(canvas, head, expression, side)
    return np.concatenate([*eyes, nose, corners])


def _paint_body(canvas: Canvas, head: Head, clothes: RGB) -> None:
    """The neck and the shoulders, which stay where they are when the head turns."""
    person, scale = head.person, head.pose.scale
    centre = np.array([head.pose.x, head.pose.y])
    neck = 0.78 * person.jaw_width
    shape = mirrored([(neck, 0.3), (neck * 1.05, 1.3), (neck * 1.5, 1.9)])
    canvas.paint(centre + scale * shape, mix(person.skin, (40, 22, 18), 0.25), soft=0.03)
    below = head.beside(head.outline() * (0.9, 1.0) + (0.0, 0.14))
    canvas.paint(below, mix(person.skin, (30, 16, 14), 0.55), soft=0.08, opacity=0.8)
    shoulders = mirrored([(0, 1.52), (0.42, 1.30), (0.75, 1.42), (1.7, 1.68), (2.2, 2.6)])
    canvas.paint(centre + scale * shoulders, clothes, soft=0.02)


def _paint_ears(canvas: Canvas, head: Head) -> None:
    person = head.person
    for side in (-1, 1):
        x = side * (person.cheek_width + 0.02)
        ear = ellipse(x, 0.02, 0.55 * person.ear_size, person.ear_size, tilt=0.2 * side)
        canvas.paint(head.beside(ear, -0.05), mix(person.skin, (150, 60, 45), 0.18), soft=0.012)
        shell = ellipse(x + side * 0.01, 0.0, 0.3 * person.ear_size, 0.6 * person.ear_size, tilt=0.2 * side)
        canvas.paint(head.beside(shell, -0.05), mix(person.skin, (40, 20, 16), 0.45), soft=0.02, opacity=0.7)


def _sculpt(canvas: Canvas, head: Head) -> None:
    """The head's heights: a rounded body, then the nose, the sockets, cheeks, lips and chin."""
    person, pose = head.person, head.pose
    rows, columns = np.indices(canvas.height.shape, np.float32)
    across, down = (columns - pose.x) / pose.scale, (rows - pose.y) / pose.scale
    cos, sin = np.float32(np.cos(pose.roll)), np.float32(np.sin(pose.roll))
    x, y = across * cos + down * sin, down * cos - across * sin
    inside = 1 - (x / (1.12 * person.cheek_width)) ** 2 - ((y - 0.02) / 1.26) ** 2
    canvas.height += np.sqrt(np.maximum(inside, 0.02)) * (person.depth * pose.scale)

    top = person.eye_y - 0.06
    back = ribbon(
        np.array([(0, top), (0, person.nose_y - 0.04)]), 2.2 * np.array([person.nose_bridge, 1.3 * person.nose_bridge])
    )
    canvas.raise_by(head.on_face(back, 0.05), 0.62 * person.nose_height, soft=0.035)
    tip = ellipse(0, person.nose_y - 0.02, 0.55 * person.nose_width, 0.06)
    canvas.raise_by(head.on_face(tip, 0.7 * person.nose_height), 0.55 * person.nose_height, soft=0.035)
    for side in (-1, 1):
        wing = ellipse(side * 0.7 * person.nose_width, person.nose_y, 0.3 * person.nose_width, 0.045)
        canvas.raise_by(head.on_face(wing, 0.03), 0.06, soft=0.02)
        socket = ellipse(side * person.eye_x, person.eye_y - 0.02, person.eye_width * 1.15, 0.1)
        canvas.raise_by(head.on_face(socket), -0.10, soft=0.05)
        brow = ellipse(side * person.eye_x, person.eye_y - person.brow_gap - 0.05, 0.2, 0.04)
        canvas.raise_by(head.on_face(brow), 0.05, soft=0.05)
        cheek = ellipse(side * (person.eye_x + 0.07), 0.2, 0.15, 0.11, tilt=-0.5 * side)
        canvas.raise_by(head.on_face(cheek), 0.03 + 0.09 * person.cheekbones, soft=0.06)
    lips = ellipse(0, person.mouth_y, person.mouth_width * 0.8, 0.06)
    canvas.raise_by(head.on_face(lips), 0.05, soft=0.03)
    below = ellipse(0, person.mouth_y + person.lower_lip + 0.05, 0.14, 0.02)
    canvas.raise_by(head.on_face(below), -0.04, soft=0.025)
    chin = ellipse(0, person.chin_y - 0.13, 0.7 * person.chin_width, 0.07)
    canvas.raise_by(head.on_face(chin), 0.06, soft=0.05)


def _paint_skin(canvas: Canvas, head: Head, face: Array) -> None:
    """Blush, the sockets' shade, the folds from nose to mouth, freckles and moles."""
    person = head.person
    dark = mix(person.skin, (45, 18, 14), 0.55)
    for side in (-1, 1):
        cheek = ellipse(side * (person.eye_x + 0.09), 0.24, 0.16, 0.12)
        canvas.paint(head.on_face(cheek), mix(person.skin, (190, 70, 60), 0.35), soft=0.07, opacity=0.5, clip=face)
        hollow = ellipse(side * 0.86 * person.jaw_width, 0.42, 0.07, 0.2, tilt=0.35 * side)
        canvas.paint(head.on_face(hollow), dark, soft=0.06, opacity=0.40 * person.cheekbones, clip=face)
        socket = ellipse(side * person.eye_x * 0.97, person.eye_y - 0.03, person.eye_width * 1.15, 0.085)
        canvas.paint(head.on_face(socket), dark, soft=0.045, opacity=0.42, clip=face)
        if person.eye_bags:
            bag = arc(
                (side * (person.eye_x - 0.11), person.eye_y + 0.075),
                (side * (person.eye_x + 0.12), person.eye_y + 0.075),
                -0.045,
            )
            canvas.paint(head.on_face(ribbon(bag, 0.022)), dark, soft=0.010, opacity=0.55 * person.eye_bags, clip=face)
        if person.folds:
            start, end = (
                (side * (person.nose_width + 0.03), person.nose_y - 0.02),
                (side * (person.mouth_width + 0.07), person.mouth_y + 0.02),
            )
            fold = arc(start, end, 0.03)
            canvas.paint(head.on_face(ribbon(fold, 0.024)), dark, soft=0.010, opacity=0.6 * person.folds, clip=face)
    if person.freckles:
        # A spiral of fixed places: freckles need no numbers of their own.
        for i in range(46):
            x, y = 0.075 * np.sqrt(i) * np.cos(2.4 * i), 0.12 + 0.03 * np.sqrt(i) * np.sin(2.4 * i)
            canvas.paint(
                head.on_face(ellipse(x, y, 0.013, 0.012, corners=8)),
                mix(person.skin, (120, 55, 25), 0.7),
                soft=0.005,
                opacity=0.8 * person.freckles,
                clip=face,
            )
    for mark in person.marks:
        spot = ellipse(mark.x, mark.y, mark.radius, mark.radius, corners=12)
        canvas.paint(
            head.on_face(spot), mix(person.skin, (30, 14, 10), 0.85), soft=0.006, opacity=mark.strength, clip=face
        )


def _paint_eye(canvas: Canvas, head: Head, expression: Expression, side: int) -> Array:
    """One eye; returns the middle of its opening, (1, 2) in pixels."""
    person = head.person
    centre = np.array([side * person.eye_x, person.eye_y])
    width, height = person.eye_width, person.eye_height * expression.eyes * (1 - 0.2 * max(expression.smile, 0))
    turn = np.array(
        [[np.cos(person.eye_tilt), -np.sin(person.eye_tilt)], [np.sin(person.eye_tilt), np.cos(person.eye_tilt)]]
    )

    def place(points: Array) -> Array:
        """From the eye's own axes (x from the inner to the outer corner) to the picture."""
        return head.on_face(centre + (points @ turn) * (side, 1))

    x = np.linspace(-1, 1, 11)
    upper = np.stack([width * x, -height * 1.1 * (1 - x**2) * (1 - 0.18 * x)], axis=1)
    lower = np.stack([width * x, height * 0.75 * (1 - x**2) * (1 + 0.15 * x)], axis=1)
    opening = place(np.concatenate([upper, lower[::-1]]))
    canvas.paint(opening, (226, 218, 212), soft=0.004)
    inside = canvas.mask(opening, soft=0.003)
    pupil = (0.045 * expression.gaze[0] * side, 0.018 * expression.gaze[1] - 0.1 * height)
    for radius, colour in (
        (person.iris_radius, mix(person.iris, (10, 8, 8), 0.6)),
        (0.82 * person.iris_radius, person.iris),
        (0.40 * person.iris_radius, (8, 7, 8)),
    ):
        canvas.paint(place(ellipse(*pupil, radius, radius)), colour, soft=0.005, clip=inside)
    glint = ellipse(pupil[0] + 0.3 * person.iris_radius, pupil[1] - 0.35 * person.iris_radius, 0.013, 0.013, corners=8)
    canvas.paint(place(glint), (250, 250, 250), soft=0.003, opacity=0.9, clip=inside)
    shade = upper + np.array([0, 0.3 * height])
    canvas.paint(place(np.concatenate([upper, shade[::-1]])), (70, 50, 45), soft=0.012, opacity=0.5, clip=inside)
    lashes = 0.016 + 0.012 * (1 - x**2)
    canvas.paint(place(ribbon(upper, lashes)), mix(person.skin, (16, 10, 10), 0.9), soft=0.006)
    canvas.paint(place(ribbon(lower, 0.010)), mix(person.skin, (60, 25, 22), 0.7), soft=0.006, opacity=0.7)
    crease = upper[1:-1] * (1.0, 1.05) - (0, person.lid)
    canvas.paint(place(ribbon(crease, 0.014)), mix(person.skin, (40, 16, 14), 0.65), soft=0.008, opacity=0.75)
    return place(np.zeros((1, 2)))


def _paint_brow(canvas: Canvas, head: Head, expression: Expression, side: int) -> None:
    person = head.person
    t = np.linspace(-1, 1, 11)
    height = person.eye_y - person.brow_gap - expression.brows - 0.03
    # The arch's top lies outside of the middle; inwards the brow is thick, outwards it tapers.
    y = height - person.brow_arch * (1 - (t - 0.3) ** 2) - np.sin(person.brow_tilt) * person.brow_length * t
    line = np.stack([side * (person.eye_x + 0.01 + person.brow_length * t), y], axis=1)
    thickness = person.brow_thickness * (1.15 - 0.75 * np.maximum(t, -0.4) ** 2 * (t > 0) - 0.25 * (t < -0.8))
    colour = mix(person.hair, (25, 16, 14), 0.45)
    canvas.paint(head.on_face(ribbon(line, thickness), 0.03), colour, soft=0.010, opacity=person.brow_strength)


def _paint_nose(canvas: Canvas, head: Head) -> Array:
    """The nose; returns its tip, (1, 2) in pixels."""
    person = head.person
    dark = mix(person.skin, (45, 18, 14), 0.6)
    for side in (-1, 1):
        flank = np.array(
            [
                (side * (person.nose_bridge + 0.02), person.eye_y - 0.10),
                (side * (person.nose_bridge + 0.02), 0.08),
                (side * 0.75 * person.nose_width, person.nose_y - 0.08),
            ]
        )
        canvas.paint(head.on_face(ribbon(flank, 0.05), 0.04), dark, soft=0.028, opacity=0.42)
        wing = arc(
            (side * 0.86 * person.nose_width, person.nose_y - 0.09),
            (side * 0.72 * person.nose_width, person.nose_y + 0.05),
            0.0,
        )
        wing[:, 0] += side * 0.22 * person.nose_width * np.sin(np.linspace(0, np.pi, len(wing)))
        canvas.paint(head.on_face(ribbon(wing, 0.022), 0.05), dark, soft=0.010, opacity=0.75)
        nostril = ellipse(
            side * 0.45 * person.nose_width, person.nose_y + 0.045, 0.26 * person.nose_width, 0.020, tilt=-0.25 * side
        )
        canvas.paint(head.on_face(nostril, 0.09), mix(person.skin, (18, 6, 6), 0.85), soft=0.008, opacity=0.9)
    under = ellipse(0, person.nose_y + 0.065, 0.75 * person.nose_width, 0.025)
    canvas.paint(head.on_face(under, 0.05), dark, soft=0.022, opacity=0.5)
    light = mix(person.skin, (255, 250, 245), 0.45)
    canvas.paint(
        head.on_face(ellipse(0, person.nose_y - 0.04, 0.35 * person.nose_width, 0.04), person.nose_height),
        light,
        soft=0.02,
        opacity=0.55,
    )
    ridge = ellipse(0, 0.5 * (person.eye_y + person.nose_y), 0.6 * person.nose_bridge, 0.16)
    canvas.paint(head.on_face(ridge, 0.5 * person.nose_height), light, soft=0.02, opacity=0.4)
    return head.on_face(np.array([(0.0, person.nose_y)]), person.nose_height)


def _paint_mouth(canvas: Canvas, head: Head, expression: Expression) -> Array:
    """The mouth; returns its two corners, (2, 2) in pixels."""
    person = head.person
    smile, opened = expression.smile, expression.mouth
    width = person.mouth_width * (1 + 0.20 * smile - 0.10 * opened)
    drop = person.mouth_curve - 0.055 * smile
    t = np.linspace(-1, 1, 17)
    round_ = 1 - t**2
    middle = person.mouth_y - drop * round_ + 0.5 * drop
    gap = 0.15 * opened * round_
    upper_edge = middle - 0.30 * gap - person.upper_lip * (1 - 0.25 * max(smile, 0)) * round_**0.7
    upper_edge += person.mouth_bow * np.exp(-((t / 0.16) ** 2)) - 0.4 * person.mouth_bow * np.exp(
        -(((np.abs(t) - 0.3) / 0.16) ** 2)
    )
    lower_edge = middle + 0.70 * gap + person.lower_lip * (1 - 0.15 * max(smile, 0)) * round_**0.6
    upper, lower = middle - 0.30 * gap, middle + 0.70 * gap

    def between(first: Array, second: Array) -> Array:
        return head.on_face(
            np.concatenate([np.stack([width * t, first], axis=1), np.stack([width * t, second], axis=1)[::-1]]), 0.04
        )

    lips = mix(person.skin, (150, 40, 48), person.lip_redness)
    shadow = ellipse(0, float(lower_edge[8]) + 0.035, 0.55 * width, 0.022)
    canvas.paint(head.on_face(shadow), mix(person.skin, (40, 18, 14), 0.6), soft=0.022, opacity=0.55)
    canvas.paint(between(upper_edge, upper), mix(lips, (40, 10, 14), 0.22), soft=0.007)
    canvas.paint(between(lower, lower_edge), lips, soft=0.008)
    gloss = ellipse(0, float(0.5 * (lower + lower_edge)[8]), 0.35 * width, 0.22 * person.lower_lip)
    canvas.paint(head.on_face(gloss, 0.05), mix(lips, (255, 235, 230), 0.5), soft=0.014, opacity=0.5)
    if opened > 0.1:
        canvas.paint(between(upper, lower), (48, 14, 16), soft=0.005)
        teeth = upper + 0.45 * gap
        canvas.paint(between(upper, teeth), (222, 214, 200), soft=0.006, opacity=0.9)
    line = np.stack([width * t, 0.5 * (upper + lower) if opened <= 0.1 else upper], axis=1)
    canvas.paint(
        head.on_face(ribbon(line, 0.010 + 0.012 * round_), 0.04), mix(person.skin, (38, 8, 10), 0.85), soft=0.006
    )
    corners = np.array([(-width, middle[0]), (width, middle[-1])])
    for x, y in corners:
        canvas.paint(
            head.on_face(ellipse(x, y, 0.022, 0.018), 0.03),
            mix(person.skin, (38, 12, 10), 0.8),
            soft=0.012,
            opacity=0.7,
        )
    return head.on_face(corners, 0.04)

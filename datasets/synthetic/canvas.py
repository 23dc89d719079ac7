"""Drawing with soft edges: filled shapes of floating-point corners on a picture of colours and a picture of heights."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...runtime.opencv import cv2

Array = np.ndarray[Any, Any]
RGB = tuple[float, float, float]

_FRACTION_BITS = 4  # OpenCV takes corners as integers; these are sixteenths of a pixel


@dataclass(slots=True)
class Canvas:
    """A picture under the brush.

    colour  float32 (H, W, 3), RGB 0..255
    height  float32 (H, W), how far the surface stands out to the viewer, in pixels; light is computed from it
    scale   pixels for a face unit: softness is given in face units
    """

    colour: Array
    scale: float
    height: Array = field(init=False)

    def __post_init__(self) -> None:
        self.height = np.zeros(self.colour.shape[:2], np.float32)

    def mask(self, polygon: Array, soft: float = 0.0) -> Array:
        """How much of each pixel lies within `polygon` (N, 2), in pixels: float32 (H, W), 0..1."""
        mask = np.zeros(self.colour.shape[:2], np.float32)
        if (covered := self._cover(polygon, soft)) is not None:
            rows, columns, alpha = covered
            mask[rows, columns] = alpha
        return mask

    def paint(
        self, polygon: Array, colour: RGB, soft: float = 0.006, opacity: float = 1.0, clip: Array | None = None
    ) -> None:
        """Fill `polygon` with `colour`; within `clip` (H, W), 0..1, where given."""
        if (covered := self._cover(polygon, soft)) is None:
            return
        rows, columns, alpha = covered
        alpha = alpha * opacity if clip is None else alpha * clip[rows, columns] * opacity
        part = self.colour[rows, columns]
        part += alpha[..., None] * (np.array(colour, np.float32) - part)

    def raise_by(self, polygon: Array, units: float, soft: float) -> None:
        """Let the surface within `polygon` stand out by `units` face units more, with flanks `soft` wide."""
        if (covered := self._cover(polygon, soft)) is not None:
            rows, columns, alpha = covered
            self.height[rows, columns] += alpha * (units * self.scale)

    def _cover(self, polygon: Array, soft: float) -> tuple[slice, slice, Array] | None:
        """The part of the picture that a polygon touches, and how much it covers of each pixel there, 0..1."""
        sigma = soft * self.scale
        margin = 3 * sigma + 2
        height, width = self.colour.shape[:2]
        left, top = np.floor(polygon.min(axis=0) - margin).astype(int)
        right, bottom = np.ceil(polygon.max(axis=0) + margin).astype(int) + 1
        rows, columns = slice(max(top, 0), min(bottom, height)), slice(max(left, 0), min(right, width))
        if rows.start >= rows.stop or columns.start >= columns.stop:
            return None
        # The mask is as large as the polygon, so that what lies outside of the picture blurs into it all the same.
        cover = np.zeros((bottom - top, right - left), np.uint8)
        corners = np.rint((polygon - (left, top)) * (1 << _FRACTION_BITS)).astype(np.int32)
        cv2.fillPoly(cover, [corners], 255, cv2.LINE_AA, _FRACTION_BITS)
        alpha: Array = cover.astype(np.float32) / 255
        if sigma > 0.3:
            alpha = cv2.GaussianBlur(alpha, (0, 0), sigma)
        return (
            rows,
            columns,
            alpha[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left],
        )


def smooth(points: Array, steps: int = 6) -> Array:
    """A closed curve through `points` (N, D), as (N * steps, D) points: Catmull and Rom's cubic spline."""
    before, here, after, later = (np.roll(points, shift, axis=0)[:, None] for shift in (1, 0, -1, -2))
    t = np.linspace(0, 1, steps, endpoint=False)[None, :, None]
    curve: Array = 0.5 * (
        2 * here
        + (after - before) * t
        + (2 * before - 5 * here + 4 * after - later) * t**2
        + (3 * here - before - 3 * after + later) * t**3
    )
    return curve.reshape(-1, points.shape[1])


def mirrored(right: list[tuple[float, float]]) -> Array:
    """The outline of something symmetric about x = 0, (N, 2), from its right half: down it and up on the left."""
    return np.array(right + [(-x, y) for x, y in reversed(right) if x != 0])


def ellipse(x: float, y: float, width: float, height: float, tilt: float = 0.0, corners: int = 24) -> Array:
    """An ellipse of half-axes `width` and `height`, turned by `tilt` radians: (corners, 2)."""
    angle = np.linspace(0, 2 * np.pi, corners, endpoint=False)
    across, along = width * np.cos(angle), height * np.sin(angle)
    return np.stack(
        [x + across * np.cos(tilt) - along * np.sin(tilt), y + across * np.sin(tilt) + along * np.cos(tilt)], axis=1
    )


def ribbon(line: Array, thickness: Array | float) -> Array:
    """The outline of a stroke along `line` (N, 2), as thick at each of its points as `thickness`: (2 N, 2)."""
    along = np.gradient(line, axis=0)
    along /= np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-9)
    across = np.stack([-along[:, 1], along[:, 0]], axis=1) * (np.asarray(thickness).reshape(-1, 1) / 2)
    return np.concatenate([line + across, (line - across)[::-1]])


def arc(start: tuple[float, float], end: tuple[float, float], bulge: float, points: int = 9) -> Array:
    """A parabola from `start` to `end` (x, y) whose middle lies `bulge` higher in the picture: (points, 2)."""
    t = np.linspace(0, 1, points)[:, None]
    line: Array = np.array(start) + t * (np.array(end) - np.array(start))
    return line - np.concatenate([np.zeros_like(t), 4 * bulge * t * (1 - t)], axis=1)


def mix(first: RGB, second: RGB, share: float) -> RGB:
    """A colour between two: `share` of the second."""
    red, green, blue = (a + share * (b - a) for a, b in zip(first, second, strict=True))
    return red, green, blue

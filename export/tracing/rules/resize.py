"""Changing the height and width of images: interpolation, padding, pixel shuffle."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ....errors import ModelError
from ..symbolic_graph import Graph, Rule, Symbol

MODES = {"nearest": "nearest", "bilinear": "linear", "bicubic": "cubic"}


def resize(
    graph: Graph, img: Any, size: Any, mode: str = "nearest", align_corners: bool = False, tf_mode: bool = False
) -> Symbol:
    """jittor.nn.resize and upsample → Resize, with the sampling points that Jittor has."""
    x = graph.symbol(img)
    height, width = (int(edge) for edge in size)
    if len(x.shape) != 4 or mode not in MODES:
        raise ModelError(
            f"{graph.path}: resize with mode={mode!r} of a value of shape {tuple(x.shape)} can't be exported"
        )
    attributes: dict[str, Any] = {"mode": MODES[mode]}
    if align_corners:
        points = "align_corners"
    elif mode == "nearest" or (tf_mode and mode == "bilinear"):
        points = "asymmetric"
    else:
        points = "half_pixel"
    if mode == "nearest":
        attributes["nearest_mode"] = "floor"
    if mode == "bicubic":
        attributes["cubic_coeff_a"] = -0.75
    shape = (*x.shape[:2], height, width)
    return graph.node(
        "Resize",
        [x, None, None, graph.shape_tensor(shape)],
        shape,
        x.dtype,
        coordinate_transformation_mode=points,
        **attributes,
    )


def interpolate(
    graph: Graph,
    X: Any,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "bilinear",
    align_corners: bool = False,
    tf_mode: bool = False,
) -> Symbol:
    """jittor.nn.interpolate, to a size or by a factor."""
    x = graph.symbol(X)
    if scale_factor is not None:
        size = [int(edge * scale_factor) for edge in x.shape[-2:]]
    return resize(graph, x, (size, size) if isinstance(size, int) else size, mode, align_corners, tf_mode)


def resize_layer(graph: Graph, layer: Any, x: Symbol) -> Symbol:
    """jittor.nn.Resize."""
    size = (layer.size, layer.size) if isinstance(layer.size, int) else layer.size
    return resize(graph, x, size, layer.mode, layer.align_corners)


def upsample_layer(graph: Graph, layer: Any, x: Symbol) -> Symbol:
    """jittor.nn.Upsample and its kin."""
    factors = layer.scale_factor if isinstance(layer.scale_factor, Sequence) else [layer.scale_factor] * 2
    size = [int(edge * factor) for edge, factor in zip(x.shape[2:], factors, strict=True)]
    return resize(graph, x, size, layer.mode, layer.align_corners)


def pad(graph: Graph, x: Any, padding: Sequence[int], mode: str = "constant", value: float = 0) -> Symbol:
    """jittor.nn.pad: pairs (before, after), the last axis first → Pad."""
    x = graph.symbol(x)
    modes = {"constant": "constant", "replicate": "edge", "reflect": "reflect"}
    if mode not in modes:
        raise ModelError(f"{graph.path}: pad with mode={mode!r} can't be exported")
    rest = [0] * (len(x.shape) - len(padding) // 2)
    before, after = (rest + [int(count) for count in padding[side::2]][::-1] for side in (0, 1))
    sizes = [size + low + high if low or high else size for size, low, high in zip(x.shape, before, after, strict=True)]
    inputs = [x, graph.constant(np.array(before + after, dtype=np.int64), "pads")]
    if mode == "constant":
        inputs.append(graph.constant(np.array(value, dtype=x.dtype), "value"))
    return graph.node("Pad", inputs, sizes, x.dtype, mode=modes[mode])


def pad_layer(mode: str) -> Rule:
    """jittor.nn.ZeroPad2d, ConstantPad2d, ReflectionPad2d, ReplicationPad2d."""

    def rule(graph: Graph, layer: Any, x: Symbol) -> Symbol:
        return pad(graph, x, (layer.pl, layer.pr, layer.pt, layer.pb), mode, getattr(layer, "value", 0))

    return rule


def pixel_shuffle(graph: Graph, layer: Any, x: Symbol) -> Symbol:
    """jittor.nn.PixelShuffle → DepthToSpace."""
    batch, channels, height, width = x.shape
    block = layer.upscale_factor
    shape = (batch, channels // block**2, height * block, width * block)
    return graph.node("DepthToSpace", [x], shape, x.dtype, blocksize=block, mode="CRD")


OPERATIONS: dict[str, Rule] = {"resize": resize, "upsample": resize, "interpolate": interpolate, "pad": pad}

"""Pooling."""

from typing import Any

from ....errors import ModelError
from ..symbolic_graph import Graph, Symbol

KINDS = {"maximum": "MaxPool", "max": "MaxPool", "mean": "AveragePool"}


def pool(graph: Graph, layer: Any, x: Symbol) -> Symbol:
    """jittor.nn.Pool of the maximum, minimum or mean → MaxPool, AveragePool.

    With ceil_mode the padding at the end is as much longer as the last window needs; that says the same and leaves no
    room for how a library rounds.
    """
    if layer.return_indices:
        raise ModelError(f"{graph.path}: Pool with return_indices can't be exported")
    kernel, stride, padding = layer.kernel_size, layer.stride, layer.padding
    size, more = [], []
    for axis in (0, 1):
        extent = x.shape[axis + 2] + 2 * padding[axis] - kernel[axis]
        if layer.ceil_mode:
            extent += stride[axis] - 1
        size.append(extent // stride[axis] + 1)
        more.append((size[axis] - 1) * stride[axis] + kernel[axis] - x.shape[axis + 2] - padding[axis])
    if layer.op == "minimum":
        return graph.call(
            "negative", _window(graph, "MaxPool", graph.call("negative", x), size, kernel, stride, padding, more)
        )
    if layer.op not in KINDS:
        raise ModelError(f"{graph.path}: Pool with op={layer.op!r} can't be exported")
    # Jittor counts the padding wherever it does not round the size up.
    counted = layer.count_include_pad or not layer.ceil_mode
    return _window(graph, KINDS[layer.op], x, size, kernel, stride, padding, more, counted=counted)


def adaptive_avg_pool(graph: Graph, layer: Any, x: Symbol) -> Symbol:
    """jittor.nn.AdaptiveAvgPool2d → GlobalAveragePool, AveragePool."""
    return _adaptive(graph, layer, x, "GlobalAveragePool", "AveragePool")


def adaptive_max_pool(graph: Graph, layer: Any, x: Symbol) -> Symbol:
    """jittor.nn.AdaptiveMaxPool2d → GlobalMaxPool, MaxPool."""
    if layer.return_indices:
        raise ModelError(f"{graph.path}: AdaptiveMaxPool2d with return_indices can't be exported")
    return _adaptive(graph, layer, x, "GlobalMaxPool", "MaxPool")


def _adaptive(graph: Graph, layer: Any, x: Symbol, everything: str, window: str) -> Symbol:
    wanted = layer.output_size
    sizes = [wanted] * 2 if isinstance(wanted, int) else wanted
    size = [x.shape[axis + 2] if sizes[axis] is None else sizes[axis] for axis in (0, 1)]
    if size == [1, 1]:
        return graph.node(everything, [x], (*x.shape[:2], 1, 1))
    # Jittor's windows are all of one size, unlike PyTorch's.
    stride = [x.shape[axis + 2] // size[axis] for axis in (0, 1)]
    kernel = [x.shape[axis + 2] - (size[axis] - 1) * stride[axis] for axis in (0, 1)]
    return _window(graph, window, x, size, kernel, stride, (0, 0), (0, 0))


def _window(
    graph: Graph,
    op_type: str,
    x: Symbol,
    size: Any,
    kernel: Any,
    stride: Any,
    start: Any,
    end: Any,
    *,
    counted: bool = True,
) -> Symbol:
    attributes: dict[str, Any] = {"count_include_pad": int(counted)} if op_type == "AveragePool" else {}
    return graph.node(
        op_type,
        [x],
        (*x.shape[:2], *size),
        kernel_shape=tuple(kernel),
        strides=tuple(stride),
        # A window that ends before the value does leaves the rest out.
        pads=(*start, *(max(0, count) for count in end)),
        **attributes,
    )

"""Operations that move values about and change none: reshaping, transposing, joining, cutting, repeating."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ....errors import ModelError
from ..symbolic_graph import Graph, Rule, Symbol
from ..symbolic_shapes import BatchSize, Shape, product, reshaped
from .arithmetic import together


def reshape(graph: Graph, x: Any, *shape: Any) -> Symbol:
    """Also view. The batch stays free where the target names it (x.shape[0]) or leaves it open (-1)."""
    x = graph.symbol(x)
    target = tuple(shape[0]) if len(shape) == 1 and isinstance(shape[0], Sequence) else shape
    try:
        new, operand = reshaped(x.shape, target)
    except ValueError as error:
        raise ModelError(f"{graph.path}: {error}") from None
    wanted = graph.constant(np.array(operand, dtype=np.int64), "shape")
    return graph.node("Reshape", [x, wanted], new, x.dtype)


def squeeze(graph: Graph, x: Any, dim: int | None = None) -> Symbol:
    """Without the axes of size 1, or without the one that is named."""
    x = graph.symbol(x)
    if dim is not None:
        dim %= len(x.shape)
        if x.shape[dim] != 1:
            raise ModelError(f"{graph.path}: squeeze of axis {dim} of a value of shape {tuple(x.shape)}")
        return reshape(graph, x, (*x.shape[:dim], *x.shape[dim + 1 :]))
    return reshape(graph, x, tuple(size for size in x.shape if size != 1 or isinstance(size, BatchSize)))


def flatten(graph: Graph, layer: Any, x: Symbol) -> Symbol:
    """jittor.nn.Flatten."""
    start, end = (axis % len(x.shape) for axis in (layer.start_dim, layer.end_dim))
    return reshape(graph, x, (*x.shape[:start], product(x.shape[start : end + 1]), *x.shape[end + 1 :]))


def transpose(graph: Graph, x: Any, *dim: Any) -> Symbol:
    """Also permute: all axes in their new order, or two that change places; none at all turns the order round."""
    x = graph.symbol(x)
    axes: Sequence[int] = dim[0] if len(dim) == 1 and isinstance(dim[0], Sequence) else dim
    every = list(range(len(x.shape)))
    if not axes:
        axes = every[::-1]
    elif len(axes) == 2 and axes is dim:
        first, second = axes
        every[first], every[second] = every[second], every[first]
        axes = every
    axes = tuple(axis % len(x.shape) for axis in axes)
    return graph.node("Transpose", [x], [x.shape[axis] for axis in axes], x.dtype, perm=axes)


def concat(graph: Graph, arr: Sequence[Any], dim: int = 0) -> Symbol:
    parts = together(graph, *arr)
    axis = dim % len(parts[0].shape)
    shapes = [(*part.shape[:axis], *part.shape[axis + 1 :]) for part in parts]
    if any(shape != shapes[0] for shape in shapes):
        raise ModelError(f"{graph.path}: concat along axis {axis} of shapes {[tuple(part.shape) for part in parts]}")
    sizes = [part.shape[axis] for part in parts]
    if any(isinstance(size, BatchSize) for size in sizes):
        if not all(isinstance(size, BatchSize) for size in sizes):
            raise ModelError(f"{graph.path}: concat of the batch with a constant can't be exported")
        total: int = BatchSize(sum(sizes), sum(getattr(size, "multiple", 0) for size in sizes))
    else:
        total = sum(sizes)
    first = parts[0].shape
    return graph.node("Concat", parts, (*first[:axis], total, *first[axis + 1 :]), parts[0].dtype, axis=axis)


def stack(graph: Graph, x: Sequence[Any], dim: int = 0) -> Symbol:
    parts = [graph.symbol(part) for part in x]
    axis = dim % (len(parts[0].shape) + 1)
    return concat(graph, [reshape(graph, part, (*part.shape[:axis], 1, *part.shape[axis:])) for part in parts], axis)


def split(graph: Graph, x: Any, split_size: int | Sequence[int], dim: int = 0) -> tuple[Symbol, ...]:
    """Into pieces of one size (the last may be smaller), or of the sizes that are given."""
    x = graph.symbol(x)
    axis = dim % len(x.shape)
    whole = x.shape[axis]
    if isinstance(whole, BatchSize):
        raise ModelError(f"{graph.path}: splitting the batch can't be exported")
    sizes = (
        [min(split_size, whole - at) for at in range(0, whole, split_size)]
        if isinstance(split_size, int)
        else split_size
    )
    operand = graph.constant(np.array(sizes, dtype=np.int64), "sizes")
    shapes = [(*x.shape[:axis], size, *x.shape[axis + 1 :]) for size in sizes]
    return tuple(graph.nodes_out("Split", [x, operand], shapes, x.dtype, axis=axis))


def chunk(graph: Graph, x: Any, chunks: int, dim: int = 0) -> list[Symbol]:
    return list(split(graph, x, -(-graph.symbol(x).shape[dim] // chunks), dim))


def unbind(graph: Graph, x: Any, dim: int = 0) -> list[Symbol]:
    x = graph.symbol(x)
    return [squeeze(graph, piece, dim) for piece in split(graph, x, 1, dim)]


def getitem(graph: Graph, x: Any, index: Any, *_views: Any) -> Symbol:
    """x[...] with numbers, slices, None, Ellipsis and at most one list of indices."""
    x = graph.symbol(x)
    parts = list(index) if isinstance(index, tuple) else [index]
    if any(part is Ellipsis for part in parts):
        at = next(number for number, part in enumerate(parts) if part is Ellipsis)
        named = sum(part is not None and part is not Ellipsis for part in parts)
        parts[at : at + 1] = [slice(None)] * (len(x.shape) - named)
    axis, drops, new = 0, [], []
    cuts: list[tuple[int, int, int, int]] = []
    picks: list[tuple[int, Any]] = []
    shape: list[Any] = []
    for part in parts:
        if part is None:
            new.append(len(shape))
            shape.append(1)
            continue
        if axis == len(x.shape):
            raise ModelError(f"{graph.path}: {len(parts)} indices of a value of shape {tuple(x.shape)}")
        size = x.shape[axis]
        if isinstance(part, slice):
            kept = range(*part.indices(size))
            if kept.step < 0:
                raise ModelError(f"{graph.path}: a slice with a negative step can't be exported")
            if isinstance(size, BatchSize) and part != slice(None) and kept != range(size):
                raise ModelError(f"{graph.path}: cutting the batch can't be exported")
            if kept != range(size):
                cuts.append((axis, kept.start, kept.stop, kept.step))
            shape.append(size if kept == range(size) else len(kept))
        elif isinstance(part, int) and not isinstance(part, bool):
            if not -size <= part < size:
                raise ModelError(f"{graph.path}: index {part} of an axis of {size}")
            cuts.append((axis, part % size, part % size + 1, 1))
            drops.append(axis)
        elif isinstance(part, list) or hasattr(part, "dtype"):
            picks.append(
                (axis, graph.symbol(np.array(part, dtype=np.int64) if isinstance(part, list) else part, "index"))
            )
            shape.extend(picks[-1][1].shape)
        else:
            raise ModelError(f"{graph.path}: an index of type {type(part).__name__} can't be exported")
        axis += 1
    shape.extend(x.shape[axis:])
    if len(picks) > 1 or any(pick.dtype == "bool" for _, pick in picks):
        raise ModelError(f"{graph.path}: an index of several lists, or of a condition, can't be exported")
    result = _slice(graph, x, cuts)
    for at, pick in picks:
        wide = (*result.shape[:at], *pick.shape, *result.shape[at + 1 :])
        result = graph.node("Gather", [result, pick], wide, x.dtype, axis=at)
    if drops or new:
        result = reshape(graph, result, shape or (1,))
    return result


def _slice(graph: Graph, x: Symbol, cuts: Sequence[tuple[int, int, int, int]]) -> Symbol:
    if not cuts:
        return x
    shape = list(x.shape)
    for axis, start, stop, step in cuts:
        shape[axis] = len(range(start, stop, step))
    axes, starts, stops, steps = (
        graph.constant(np.array(values, dtype=np.int64), name)
        for values, name in zip(zip(*cuts, strict=True), ("axes", "starts", "ends", "steps"), strict=True)
    )
    return graph.node("Slice", [x, starts, stops, axes, steps], shape, x.dtype)


def broadcast(graph: Graph, x: Any, shape: Any, dims: Sequence[int] = ()) -> Symbol:
    """x.broadcast(shape or value, new axes); an axis of size 1, or one that is new, gets the other's size."""
    x = graph.symbol(x)
    like = shape if isinstance(shape, Symbol) else None
    target = Shape(shape.shape if hasattr(shape, "shape") else shape)
    if dims:
        sizes = list(x.shape)
        for axis in sorted(int(axis) % len(target) for axis in dims):
            sizes.insert(axis, 1)
        # Where x has an axis of size 1 in place of the new one, Jittor takes that.
        x = reshape(graph, x, sizes if len(sizes) == len(target) else x.shape)
    whole = graph.broadcast(x, Symbol(graph, x.value, target, x.dtype))
    if tuple(whole) == tuple(x.shape):
        return x
    if like is not None:
        wanted = graph.node("Shape", [like], (len(like.shape),), "int64")
    else:
        wanted = graph.shape_tensor(target)
    return graph.node("Expand", [x, wanted], whole, x.dtype)


def expand(graph: Graph, x: Any, *shape: Any) -> Symbol:
    """To a shape in which -1 stands for the size that the axis has."""
    x = graph.symbol(x)
    target = list(shape[0]) if len(shape) == 1 and isinstance(shape[0], Sequence) else list(shape)
    offset = len(target) - len(x.shape)
    sizes = [x.shape[axis - offset] if size == -1 else size for axis, size in enumerate(target)]
    return broadcast(graph, x, sizes)


def repeat(graph: Graph, x: Any, *times: Any) -> Symbol:
    """As often along each axis as `times` says → Tile."""
    x = graph.symbol(x)
    counts = list(times[0]) if len(times) == 1 and isinstance(times[0], Sequence) else list(times)
    counts = [1] * (len(x.shape) - len(counts)) + counts
    x = reshape(graph, x, (*[1] * (len(counts) - len(x.shape)), *x.shape)) if len(counts) > len(x.shape) else x
    shape = [size * count for size, count in zip(x.shape, counts, strict=True)]
    return graph.node("Tile", [x, graph.constant(np.array(counts, dtype=np.int64), "times")], shape, x.dtype)


def flip(graph: Graph, x: Any, dim: int | Sequence[int] = 0) -> Symbol:
    """The other way round along the named axes."""
    x = graph.symbol(x)
    axes = [axis % len(x.shape) for axis in ([dim] if isinstance(dim, int) else dim)]
    lowest = np.iinfo(np.int64).min
    operands = [
        graph.constant(np.array(values, dtype=np.int64), name)
        for values, name in (([-1] * len(axes), "starts"), ([lowest] * len(axes), "ends"), (axes, "axes"))
    ]
    steps = graph.constant(np.full(len(axes), -1, dtype=np.int64), "steps")
    return graph.node("Slice", [x, *operands, steps], x.shape, x.dtype)


def _filled(value: float) -> Rule:
    def rule(graph: Graph, x: Any, *_args: Any, **_kwargs: Any) -> Symbol:
        x = graph.symbol(x)
        one = graph.constant(np.full(1, value, dtype=x.dtype), "value")
        return broadcast(graph, one, x)

    return rule


def dropout(graph: Graph, _layer: Any, x: Symbol) -> Symbol:
    """Dropout, Dropout2d, DropPath and Identity in evaluation mode → nothing."""
    return x


OPERATIONS: dict[str, Rule] = {
    **dict.fromkeys(("reshape", "view"), reshape),
    **dict.fromkeys(("transpose", "permute"), transpose),
    **dict.fromkeys(
        ("dropout", "dropout2d", "droppath", "identity"), lambda graph, x, *_args, **_kwargs: graph.symbol(x)
    ),
    "squeeze": squeeze,
    "concat": concat,
    "stack": stack,
    "split": split,
    "chunk": chunk,
    "unbind": unbind,
    "getitem": getitem,
    "broadcast": broadcast,
    "broadcast_var": broadcast,
    "expand": expand,
    "expand_as": broadcast,
    "repeat": repeat,
    "flip": flip,
    "zeros_like": _filled(0),
    "ones_like": _filled(1),
}

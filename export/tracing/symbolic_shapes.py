"""Shapes while a module is traced: numbers, of which the batch's stays free in the graph."""

from collections.abc import Iterable, Sequence
from typing import Any, SupportsIndex, overload


class BatchSize(int):
    """The size of an axis that goes with the batch: a number while tracing, `multiple` times the batch in the graph.

    Multiplied by a number, or divided by one without rest, it still is one; after any other arithmetic it is a number.
    """

    multiple: int

    def __new__(cls, value: int, multiple: int = 1) -> "BatchSize":
        size = super().__new__(cls, value)
        size.multiple = multiple
        return size

    def __mul__(self, other: Any) -> Any:
        if isinstance(other, BatchSize) or not isinstance(other, int):
            return int(self) * other
        return BatchSize(int(self) * other, self.multiple * other)

    __rmul__ = __mul__

    def __floordiv__(self, other: Any) -> Any:
        if isinstance(other, BatchSize) or not isinstance(other, int) or self.multiple % other:
            return int(self) // other
        return BatchSize(int(self) // other, self.multiple // other)


class Shape(tuple[int, ...]):
    """A tuple that adds to lists and equals them, as the shape of a Var does."""

    __hash__ = tuple.__hash__

    def __eq__(self, other: object) -> bool:
        return tuple(self) == tuple(other) if isinstance(other, Iterable) else False

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __add__(self, other: Iterable[int]) -> "Shape":  # type: ignore[override]
        return Shape((*self, *other))

    def __radd__(self, other: Iterable[int]) -> "Shape":
        return Shape((*other, *self))

    @overload
    def __getitem__(self, index: SupportsIndex) -> int: ...
    @overload
    def __getitem__(self, index: slice) -> "Shape": ...
    def __getitem__(self, index: SupportsIndex | slice) -> "int | Shape":
        return Shape(super().__getitem__(index)) if isinstance(index, slice) else super().__getitem__(index)


def product(sizes: Iterable[int]) -> int:
    """Of plain numbers and at most one BatchSize, which then goes with the batch as well."""
    total = 1
    for size in sizes:
        total = total * size
    return total


def broadcast(*shapes: Sequence[int]) -> Shape:
    """The shape of an element-wise operation. Raises ValueError where the shapes don't fit."""
    sizes: list[int] = []
    for axis in range(-max(map(len, shapes)), 0):
        here = [shape[axis] for shape in shapes if len(shape) >= -axis]
        wide = [size for size in here if size != 1 or isinstance(size, BatchSize)]
        if len({int(size) for size in wide if size != 1}) > 1:
            raise ValueError(f"shapes {' and '.join(str(tuple(shape)) for shape in shapes)} don't go together")
        free = [size for size in wide if isinstance(size, BatchSize)]
        sizes.append((free or wide or [1])[0])
    return Shape(sizes)


def reshaped(shape: Sequence[int], target: Sequence[int]) -> tuple[Shape, list[int]]:
    """What a value of `shape` becomes when it is reshaped to `target` (which may hold one -1): the new shape, and the
    operand of ONNX's Reshape, in which 0 stands for the axis as it was and -1 for what remains.

    Raises ValueError where the sizes don't fit, or where the target would fix the size of the batch.
    """
    wish = f"reshape of {tuple(shape)} to {tuple(target)}"
    total, known = product(shape), product(size for size in target if size != -1)
    if list(target).count(-1) > 1:
        raise ValueError(f"{wish}: more than one size is open")
    if sum(isinstance(size, BatchSize) for size in shape) > 1:
        raise ValueError(f"{wish}: two axes go with the batch; keep them apart")
    if -1 in target:
        if known == 0 or int(total) % int(known):
            raise ValueError(f"{wish}: the sizes don't fit")
        if isinstance(known, BatchSize):
            rest = int(total) // int(known)
        else:
            rest = total // known
        target = [rest if size == -1 else size for size in target]
    elif int(total) != int(known):
        raise ValueError(f"{wish}: the sizes don't fit")
    if isinstance(total, BatchSize) and not isinstance(product(target), BatchSize):
        raise ValueError(f"{wish} fixes the batch; write x.shape[0], or -1, where the batch goes")
    operand = [-1 if isinstance(size, BatchSize) else int(size) for size in target]
    for axis, size in enumerate(target):
        if isinstance(size, BatchSize) and axis < len(shape) and _same(size, shape[axis]):
            operand[axis] = 0
    return Shape(target), operand


def _same(size: BatchSize, other: int) -> bool:
    return isinstance(other, BatchSize) and size.multiple == other.multiple

"""By how much one accuracy is above another on the same pairs."""

import numpy as np

from ..evaluated_model import EvaluatedSet
from .bootstrap import DRAWS, difference
from .comparisons import Comparisons
from .figures import Accuracy, Estimate


def accuracy_change(
    one: Accuracy, other: Accuracy, comparisons: Comparisons, *, draws: int = DRAWS, seed: int = 0
) -> Estimate:
    """`one` less `other`, 10-fold accuracies on the pairs of `comparisons`, with its paired interval over people.

    What makes a pair hard for both is not in the interval: it may leave 0 out where those of the accuracies overlap.
    """
    people = comparisons.people[comparisons.ten_folds]
    change = difference(one.right, other.right, people, draws=draws, seed=seed)
    value = one.value - other.value  # folds may differ by a pair in size
    return Estimate(value, min(change.low, value), max(change.high, value))


def accuracy_gain(of: EvaluatedSet, over: EvaluatedSet, *, draws: int = DRAWS, seed: int = 0) -> Estimate | None:
    """The 10-fold accuracy of one network on a set less another's, as of `accuracy_change`.

    None where there are no ten folds, or the two sets don't have the same pairs.
    """
    one, other = of.figures.accuracy, over.figures.accuracy
    if one is None or other is None:
        return None
    for name in ("ten_folds", "same", "people"):
        if not np.array_equal(getattr(of.comparisons, name), getattr(over.comparisons, name)):
            return None
    return accuracy_change(one, other, of.comparisons, draws=draws, seed=seed)

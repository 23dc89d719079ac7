"""By how much one network is more accurate than another on the same pairs."""

import numpy as np

from .bootstrap import DRAWS, difference
from .evaluated import EvaluatedSet
from .figures import Estimate


def accuracy_gain(of: EvaluatedSet, over: EvaluatedSet, *, draws: int = DRAWS, seed: int = 0) -> Estimate | None:
    """The 10-fold accuracy of one network on a set less another's, with its paired interval over people.

    What makes a pair hard for both networks is not in the interval: it may leave 0 out where those of the two
    accuracies overlap. None where there are no ten folds, or the two sets don't have the same pairs.
    """
    one, other = of.figures.accuracy, over.figures.accuracy
    folds = of.comparisons.ten_folds
    if one is None or other is None or folds is None:
        return None
    for name in ("ten_folds", "same", "people"):
        if not np.array_equal(getattr(of.comparisons, name), getattr(over.comparisons, name)):
            return None
    people = of.comparisons.people[folds]
    gain = difference(one.right, other.right, people, draws=draws, seed=seed)
    value = one.value - other.value  # folds may differ by a pair in size
    return Estimate(value, min(gain.low, value), max(gain.high, value))

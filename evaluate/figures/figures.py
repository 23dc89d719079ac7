"""The figures of a verification set, as they are reported: values, each with its interval and what it was counted on.

Names and definitions are those of ISO/IEC 19795-1. Every interval is one of 95 %.
"""

from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

# Where a threshold comes from that was not chosen on the set: the command line, the model's file, its publisher.
Source = Literal["given", "file", "published"]


@dataclass(frozen=True, slots=True)
class Rate:
    """A share of errors among comparisons, with its interval.

    value      the share, errors / count
    low, high  its interval; where few errors were seen, no narrower than that of independent trials (3 / n without any,
               with n the different pairs of people, of genuine pairs the people); from 0 to 1 where the pairs show too
               few people for more to be known
    """

    value: float
    low: float
    high: float
    errors: int
    count: int


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with its interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """The error rates at a threshold. TAR is 1 - fnmr.value.

    fmr_asked  the false match rate that the threshold was chosen for on the set; None where it was not
    threshold  a pair is a match when its similarity, a cosine, is at or above it
    fmr        false match rate: impostor pairs that match
    fnmr       false non-match rate: genuine pairs that don't. Where `fmr_asked`, its interval is that of the rate at
               the threshold chosen anew for each draw of people
    fnmr_with_failures  the same with genuine pairs that could not be compared counted as non-matches
    source     where a threshold that was not chosen on the set comes from; else None
    """

    fmr_asked: float | None
    threshold: float
    fmr: Rate
    fnmr: Rate
    fnmr_with_failures: Rate
    source: Source | None = None


@dataclass(frozen=True, slots=True)
class Accuracy:
    """The 10-fold accuracy of the literature, and its interval.

    value      mean of the folds' shares of pairs decided rightly; a pair that could not be compared counts as different
    std        standard deviation of the ten folds' accuracies
    low, high  interval over people
    threshold  mean of the folds' thresholds, squared Euclidean distance
    right      bool (Q,), which pairs were decided rightly, in the protocol's order
    """

    value: float
    std: float
    low: float
    high: float
    threshold: float
    right: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class RobustnessRow:
    """The accuracy of a set whose second picture of each pair was degraded in one way.

    degradation  its name ("blur"); "none" for the clean set
    level        how strong, in words with a unit ("sigma 2 px"); empty for the clean set
    change       accuracy.value less the clean set's, with its interval over people, of the same pairs
    """

    degradation: str
    level: str
    accuracy: Accuracy
    change: Estimate


@dataclass(frozen=True, slots=True)
class Curve:
    """The trade-off between the two error rates, with its band.

    fmr        rates from 1 down to the lowest that the number of impostor pairs supports, float64 (K,), falling
    fnmr, low, high  the false non-match rate at each of them, and its interval, float64 (K,)
    """

    fmr: NDArray[np.float64]
    fnmr: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Figures:
    """All figures of a set.

    genuine, impostor  pairs that were compared
    people             who occur in the set's pairs
    photos, failed     what was to be embedded, and what could not be acquired; `fta`, the failure-to-acquire rate: its
                       interval takes photos as independent of each other
    auc                area under the ROC curve
    eer                equal error rate; `eer_threshold`, the similarity at which the two rates are equal
    points             operating points by falling fmr_asked; only those that the number of impostor pairs supports
    unsupported        (rate asked for, impostor pairs that it takes) of those that it doesn't
    at_threshold       the error rates at the given threshold, or the model's own; None where there is none
    draws              of people, that the intervals are made of
    """

    name: str
    protocol: str
    genuine: int
    impostor: int
    people: int
    photos: int
    failed: int
    fta: Rate
    accuracy: Accuracy | None
    auc: float
    eer: Estimate
    eer_threshold: float
    points: tuple[OperatingPoint, ...]
    unsupported: tuple[tuple[float, int], ...]
    at_threshold: OperatingPoint | None
    curve: Curve
    xnorm: float | None
    draws: int

    def to_dict(self) -> dict[str, Any]:
        """For JSON: plain numbers, `accuracy` as one number beside `accuracy_std` and `accuracy_interval`; no curve."""
        fields = {
            "protocol": self.protocol,
            "genuine": self.genuine,
            "impostor": self.impostor,
            "people": self.people,
            "photos": self.photos,
            "failed": self.failed,
            "fta": asdict(self.fta),
            "auc": self.auc,
            "eer": asdict(self.eer),
            "eer_threshold": self.eer_threshold,
            "points": [{**asdict(point), "tar": 1 - point.fnmr.value} for point in self.points],
            "unsupported": [{"fmr": fmr, "impostor_pairs_needed": pairs} for fmr, pairs in self.unsupported],
            "at_threshold": None if self.at_threshold is None else asdict(self.at_threshold),
            "xnorm": self.xnorm,
            "interval": 0.95,
            "draws": self.draws,
        }
        if self.accuracy is not None:
            told = self.accuracy
            fields["accuracy"] = told.value
            fields["accuracy_std"] = told.std
            fields["accuracy_interval"] = [told.low, told.high]
            fields["accuracy_threshold"] = told.threshold
            fields["accuracy_pairs"] = len(told.right)
        return fields

"""The figures of identification: who is found again among strangers."""

from dataclasses import asdict, dataclass
from typing import Any

from ..figures.figures import OperatingPoint, Rate

FMR = 1e-6  # of `IdentificationFigures.verification`


@dataclass(frozen=True, slots=True)
class RankRate:
    """missed: the share of searches that did not bring the person's other photo among the first `rank`."""

    rank: int
    missed: Rate


@dataclass(frozen=True, slots=True)
class IdentificationFigures:
    """The figures of identification; their intervals are over the people who are looked for.

    people, photos      who is looked for, and their photos
    failed              photos that could not be read; every search for one, or with one, has missed
    distractors         that were searched
    distractors_failed  that could not be read; they are not among `distractors`
    noisy               photos, distractors that the noise lists took away
    searches            ordered pairs of a person's photos
    ranks               by rising rank, up to the number of distractors
    verification        genuine pairs, and impostor pairs of a photo and a distractor, at one false match rate; None
                        where there are fewer than `impostors_needed` of the latter
    """

    name: str
    protocol: str
    people: int
    photos: int
    failed: int
    distractors: int
    distractors_failed: int
    noisy: tuple[int, int]
    searches: int
    ranks: tuple[RankRate, ...]
    verification: OperatingPoint | None
    impostors_needed: int

    def to_dict(self) -> dict[str, Any]:
        """For JSON: plain numbers; "identified" is the share of searches that a rank's "missed" leaves."""
        fields = asdict(self)
        fields["noisy"] = list(self.noisy)
        for row in fields["ranks"]:
            row["identified"] = 1 - row["missed"]["value"]
        if self.verification is not None:
            fields["verification"]["tar"] = 1 - self.verification.fnmr.value
        return {**fields, "interval": 0.95}

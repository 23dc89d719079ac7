"""Numbers in words."""

import pytest

from sface.evaluate.report.formatting import asked, counted, interval, percent, points


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0.0, "0 %"),
        (1.0, "100 %"),
        (0.5, "50.00 %"),
        (0.994, "99.40 %"),
        (0.00033, "0.033 %"),
        (0.0000012, "0.00012 %"),
        (0.99998, "99.9980 %"),
        (0.01, "1.00 %"),
    ],
)
def test_a_percentage_tells_what_is_near_its_ends(share: float, text: str) -> None:
    assert percent(share) == text


@pytest.mark.parametrize(("fmr", "text"), [(0.1, "10 %"), (0.001, "0.1 %"), (1e-6, "0.0001 %"), (0.29, "29 %")])
def test_a_rate_that_was_asked_for(fmr: float, text: str) -> None:
    assert asked(fmr) == text


def test_an_interval_a_change_and_a_count() -> None:
    assert interval(0.0, 0.00033) == "0 to 0.033 %"
    assert [points(change) for change in (0.0125, 0, -0.05)] == ["+1.25", "+0.00", "-5.00"]
    assert [counted(number, "pair") for number in (0, 1, 6000)] == ["0 pairs", "1 pair", "6,000 pairs"]

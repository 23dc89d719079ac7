"""The exact search, whatever the blocks in which it is done."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sface.infer import Gallery
from sface.infer.gallery import person_vectors

from .drawn_vectors import MODEL, three, unit


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 2**32 - 1),
    counts=st.lists(st.integers(1, 4), min_size=1, max_size=12),
    probes=st.integers(1, 7),
    top=st.integers(1, 14),
    block=st.integers(1, 40),
)
def test_search_is_exact(seed: int, counts: list[int], probes: int, top: int, block: int) -> None:
    """Whatever the blocks, against a plain loop over people."""
    people = {f"p{index}": unit(seed + index, count) for index, count in enumerate(counts)}
    gallery = Gallery(MODEL)
    gallery.add(people)
    vectors = unit(seed + 99, probes)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(person_vectors, "BLOCK", block)
        results = gallery.search(vectors, top)
    for probe, found in zip(vectors, results, strict=True):
        expected = sorted(((float((own @ probe).max()), name) for name, own in people.items()), reverse=True)[:top]
        assert [candidate.person for candidate in found] == [name for _, name in expected]
        assert [candidate.similarity for candidate in found] == pytest.approx(
            [value for value, _ in expected], abs=1e-6
        )


def test_people_who_look_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    gallery = three()
    gallery.add({"Ada again": unit(1, 2)[1], "Bo's twin": unit(2, 1)})
    vectors = {"Ada": unit(1, 2), "Bo": unit(2, 1), "Çiğdem 李": unit(3, 3)}
    for block in (1 << 20, 1):
        monkeypatch.setattr(person_vectors, "BLOCK", block)
        assert {pair[:2] for pair in gallery.alike(0.999)} == {("Ada", "Ada again"), ("Bo", "Bo's twin")}
        everyone = gallery.alike(-1)
        assert len(everyone) == 10
        assert [pair[2] for pair in everyone] == sorted((pair[2] for pair in everyone), reverse=True)
        expected = float((vectors["Ada"] @ vectors["Çiğdem 李"].T).max())
        assert next(p[2] for p in everyone if p[:2] == ("Ada", "Çiğdem 李")) == pytest.approx(expected, abs=1e-6)
        some = gallery.alike(-1, among={"Bo", "Ada again"})
        assert {frozenset(pair[:2]) for pair in some} == {
            frozenset(pair[:2]) for pair in everyone if {"Bo", "Ada again"} & set(pair[:2])
        }
        assert len(some) == 7

"""The places of a large memory backend grow without keeping anybody waiting."""

from __future__ import annotations

import operator

import pytest

from aicache_memory._places import Places

from .memory_inside import arrays_of


@pytest.mark.parametrize("ends", [False, True])
def test_of_many_places_no_two_arrays_grow_at_once(ends):
    places = Places([], weighs=True)
    if ends:
        places.end()
    arrays = [places.hits, *arrays_of(places)]
    for taken in range(1, 40_000):
        before = [len(values) for values in arrays]
        assert places.take() == taken
        after = [len(values) for values in arrays]
        assert min(after) > taken
        grown = sum(map(operator.ne, before, after))
        assert grown <= 1 or taken < 20_000
    assert max(map(len, arrays)) < 45_000


@pytest.mark.parametrize("late", ["end", "weigh"])
def test_what_is_needed_late_has_something_for_each_place(late):
    places = Places([], weighs=False)
    for _ in range(30_000):
        places.take()
    getattr(places, late)()
    arrays = [places.hits, *arrays_of(places)]
    for _ in range(30_000):
        taken = places.take()
        assert min(map(len, arrays)) > taken

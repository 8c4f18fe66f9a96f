"""What must hold inside a memory backend, whatever was done to it."""

from __future__ import annotations

import math

from aicache_memory._entry import ends_of

__all__ = ["arrays_of", "check"]


def arrays_of(places):
    """What has something for each place."""
    found = [places.keys, places.frequencies, places.priorities, places.sizes, places.older, places.newer]
    if places.levels is not None:
        found.append(places.levels)
    if places.ends is not None:
        found += [places.ends, places.sooner, places.later]
    return found


def ring(first, following, preceding):
    """The places of a ring, from the first after the one that closes it."""
    found, place = [], following[first]
    while place != first:
        assert preceding[following[place]] == place
        found.append(place)
        place = following[place]
    assert following[preceding[first]] == first
    return found


def check(memory):
    """The structure holds together: queues, tables, rings, places and sums say the same."""
    store = memory._store
    places, eviction, expiry = store._places, store._eviction, store._expiry
    kept = dict(store.snapshot())
    at = {entry[3]: key for key, entry in kept.items()}
    assert len(at) == len(kept) == len(store) == len(store.tables) == eviction.count
    assert all(places.keys[place] == key for place, key in at.items())

    queued = []
    for number, (closing, term) in eviction._queues.items():
        queue = ring(closing, places.newer, places.older)
        assert term == 2.0 ** (number / 4)
        assert places.priorities[closing] == math.inf
        priorities = [places.priorities[place] for place in queue]
        assert priorities == sorted(priorities)
        queued += queue
    assert sorted(queued) == sorted(at)
    assert eviction.proven == sum(places.frequencies[place] > 0 for place in at)
    assert sorted(number for _, number in eviction._heads) == sorted(eviction._queues)
    for priority, number in eviction._heads:
        closing, _ = eviction._queues[number]
        assert priority <= places.priorities[places.newer[closing]]

    ending = [place for closing in expiry.rings.values() for place in ring(closing, places.later, places.sooner)]
    assert sorted(ending) == sorted(place for place, key in at.items() if ends_of(kept[key]) is not None)
    for place in ending:
        assert places.ends[place] == ends_of(kept[at[place]])
    assert sorted(expiry.heap) == sorted(expiry.rings)
    assert expiry.first == min(expiry.heap, default=math.inf)

    free, place = [], places.free
    while place:
        free.append(place)
        assert places.keys[place] == ""
        place = places.newer[place]
    closing = [place for place, _ in eviction._queues.values()] + list(expiry.rings.values())
    assert sorted([0, *free, *closing, *at]) == list(range(len(places.keys)))
    assert {len(values) for values in arrays_of(places)} == {len(places.keys)}
    assert store.bytes == sum(places.sizes[place] for place in at)
    assert store.max_entries is None or len(kept) <= store.max_entries
    assert store.max_bytes is None or store.bytes <= store.max_bytes

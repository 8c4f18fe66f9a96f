"""What a byte tier that knows lives says of a value whose life was asked for a moment after the value was read."""

from __future__ import annotations

import pytest

from aicache import Codec

codec = Codec()


@pytest.fixture
def lower(flavour, clock):
    """A store that answers an old value with the life of what another has written over it meanwhile."""
    return flavour.big_store(name="lower")


def plant(store, key, *, fresh_for, left):
    data = codec.seal(key, codec.pack(codec.dumps("old")), created=store.clock(), fresh_for=fresh_for)
    store.data[key] = (data, None if left is None else store.clock() + left)


@pytest.mark.parametrize(
    ("fresh_for", "left", "expected"),
    [
        (10.0, 3600.0, 10.0),  # overwritten with a longer life
        (10.0, None, 10.0),  # overwritten without expiry
        (10.0, 4.0, 4.0),  # as usual: some of it is over
        (None, 4.0, 4.0),  # somebody shortened what had no expiry
        (None, None, None),
    ],
)
async def test_a_value_never_lives_longer_than_its_writer_said(flavour, lower, fresh_for, left, expected):
    upper = flavour.memory()
    cache = flavour.cache(upper, lower)
    plant(lower, "one", fresh_for=fresh_for, left=left)
    plant(lower, "many", fresh_for=fresh_for, left=left)
    assert (await cache.lookup("one")).ttl_left == expected
    assert await cache.get_many(["many"]) == {"many": "old"}
    for key in ("one", "many"):
        assert upper.peek(key).expires == expected  # the clock stands at 0

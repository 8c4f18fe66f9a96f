"""What observers and the log are told of streams, in both flavours."""

from __future__ import annotations

import pytest

from aicache import Event

from .streamed import Upstream, never, read


async def test_what_is_told(flavour):
    events: list[Event] = []
    cache = flavour.cache(flavour.memory(), observers=[events.append])
    await read(cache, "k", Upstream(flavour, ["a"]))
    await read(cache, "k", never)
    with pytest.raises(ConnectionError):
        await read(cache, "fails", Upstream(flavour, fails_at=0))
    await read(cache, "left", Upstream(flavour, ["a"] * 300), 1)
    said = [(event.kind, event.key, event.tier, event.reason) for event in events]
    assert said == [
        ("miss", "k", None, "memory: absent"),
        ("load", "k", None, None),
        ("store", "k", "memory", None),
        ("hit", "k", "memory", None),
        ("miss", "fails", None, "memory: absent"),
        ("load", "fails", None, "ConnectionError"),
        ("miss", "left", None, "memory: absent"),
        ("load", "left", None, None),
        ("skip", "left", None, "abandoned"),
    ]


@pytest.mark.parametrize("closing", [RuntimeError("cannot close"), None])
async def test_an_upstream_that_cannot_be_closed_harms_nobody(flavour, closing, caplog):
    class Chunks:
        closed = 0

        def __iter__(self):
            return iter(["a", "b"])

        def close(self):
            Chunks.closed += 1
            if closing is not None:
                raise closing

    cache = flavour.cache(flavour.memory())
    assert await read(cache, "k", Chunks) == ["a", "b"]
    assert await read(cache, "k", never) == ["a", "b"]
    assert Chunks.closed == 1
    assert ("could not be closed" in caplog.text) is (closing is not None)

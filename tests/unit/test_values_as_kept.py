"""A value comes back as it was given, and is its caller's own, in both flavours."""

from __future__ import annotations

import pytest

from aicache import JsonSerializer
from aicache.errors import SerializationError

from .sealing import plant


@pytest.mark.parametrize("value", [None, 0, False, "", b"", [], {}, ()], ids=repr)
async def test_an_empty_value_is_a_value(flavour, value):
    store = flavour.store()
    plant(store, "k", value)
    missing = object()
    got = await flavour.cache(flavour.memory(), store).get("k", missing)
    assert got == value
    assert type(got) is type(value)


async def test_a_returned_value_is_the_callers_own(flavour):
    memory, store = flavour.memory(), flavour.store()
    cache = flavour.cache(memory, store)
    mine = {"list": [1]}
    await cache.set("k", mine)
    mine["list"].append("changed after set")
    first = await cache.get("k")
    assert first == {"list": [1]}
    first["list"].append("changed after get")
    assert await cache.get("k") == {"list": [1]}
    assert (await cache.get_many(["k"]))["k"] == {"list": [1]}
    assert (await cache.lookup("k")).value == {"list": [1]}
    (await cache.lookup("k")).value.clear()
    made = await cache.get_or_set("new", lambda: [1])
    made.append("changed")
    assert await cache.get_or_set("new", lambda: None) == [1]


async def test_immutable_values_are_shared_and_live_ones_too_where_asked(flavour):
    text, answer = "x" * 100, {"a": 1}
    cache = flavour.cache(flavour.memory())
    await cache.set("text", text)
    assert await cache.get("text") is text
    live = flavour.cache(flavour.memory(copy="live"))
    await live.set("answer", answer)
    assert await live.get("answer") is answer
    thing = object()
    await live.set("thing", thing)
    assert await live.get("thing") is thing


async def test_values_that_cannot_be_kept_are_refused_by_name(flavour):
    store = flavour.store()
    cache = flavour.cache(flavour.memory(), store)
    await cache.set("k", "old")
    with pytest.raises(SerializationError, match="object") as caught:
        await cache.set("k", {"a": [object()]})
    assert caught.value.path == "['a'][0]"
    assert await cache.get("k") == "old"


async def test_the_codec_can_be_changed_under_a_running_cache(flavour):
    store = flavour.store()
    plant(store, "k", {"written": "by msgpack"})
    cache = flavour.cache(store, serializer=JsonSerializer())
    assert await cache.get("k") == {"written": "by msgpack"}
    await cache.set("k", {"written": "by json"})
    assert await flavour.cache(store).get("k") == {"written": "by json"}

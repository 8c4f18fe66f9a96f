"""What must hold of many keys in one call, and of remaining lives."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

import pytest

from aicache.protocols import SupportsMany, SupportsTTL
from aicache.testing._async.harness import Harness, check
from aicache.testing._async.lives import IMPOSSIBLE
from aicache.testing._async.values import KEYS

__all__ = ["BatchChecks", "RemainingLifeChecks"]

_MANY = 1_200  # more than any slice that a backend is likely to cut a batch into


class BatchChecks(Harness):
    """`get_many`, `set_many` and `delete_many`."""

    @check(SupportsMany, stores=False)
    async def test_empty_batches_do_nothing(self, backend: Any) -> None:
        assert await backend.get_many([]) == {}
        assert await backend.set_many({}) is None
        assert await backend.delete_many([]) == 0

    @check(SupportsMany)
    async def test_get_many_finds_what_is_there(self, backend: Any) -> None:
        await self.raw_set(backend, "a", b"of a", None)
        await self.raw_set(backend, "empty", b"", None)
        found = await backend.get_many(["missing", "empty", "a", "missing too"])
        assert found == {"a": b"of a", "empty": b""}
        assert {type(value) for value in found.values()} == {bytes}

    @check(SupportsMany)
    async def test_get_many_takes_a_key_twice(self, backend: Any) -> None:
        await self.raw_set(backend, "a", b"of a", None)
        assert await backend.get_many(("a", "a", "b", "b")) == {"a": b"of a"}

    @check(SupportsMany)
    async def test_get_many_leaves_out_what_has_ended(self, backend: Any) -> None:
        await backend.set("ends", b"value", ttl=self.short)
        await backend.set("stays", b"value")
        await self.outlive(backend, self.short)
        assert await backend.get_many(["ends", "stays"]) == {"stays": b"value"}

    @check(SupportsMany)
    async def test_set_many_writes_the_store(self, backend: Any) -> None:
        await self.raw_set(backend, "b", b"before", None)
        await backend.set_many(MappingProxyType({"a": (b"\0of a", None), "b": (b"", 60)}))
        found = [await self.raw_get(backend, "a"), await backend.get("b")]
        assert found == [b"\0of a", b""]

    @check(SupportsMany)
    async def test_set_many_gives_each_its_own_life(self, backend: Any) -> None:
        await backend.set("unbounded", b"first", ttl=self.short)
        await backend.set_many({"short": (b"s", self.short), "long": (b"l", 3600), "unbounded": (b"u", None)})
        await self.outlive(backend, self.short)
        found = [await backend.get(key) for key in ("short", "long", "unbounded")]
        assert found == [None, b"l", b"u"]

    @check(SupportsMany)
    async def test_set_many_keeps_no_buffer(self, backend: Any) -> None:
        buffer = bytearray(b"value")
        entries: dict[str, Any] = {"a": (buffer, None), "b": (memoryview(buffer), None)}
        await backend.set_many(entries)
        buffer[:] = b"XXXXX"
        entries.clear()
        assert [await backend.get(key) for key in ("a", "b")] == [b"value", b"value"]

    @check(SupportsMany, stores=False)
    @pytest.mark.parametrize("kind", IMPOSSIBLE)
    async def test_set_many_with_an_impossible_ttl_stores_nothing(self, backend: Any, kind: str) -> None:
        with pytest.raises(ValueError, match="ttl"):
            await backend.set_many({"a": (b"a", 60), "b": (b"b", IMPOSSIBLE[kind]), "c": (b"c", None)})
        assert [await backend.get(key) for key in ("a", "b", "c")] == [None, None, None]

    @check(SupportsMany, stores=False)
    async def test_set_many_with_what_is_no_bytes_stores_nothing(self, backend: Any) -> None:
        with pytest.raises(TypeError):
            await backend.set_many({"a": (b"a", None), "b": ("text", None), "c": (b"c", None)})
        assert [await backend.get(key) for key in ("a", "b", "c")] == [None, None, None]

    @check(SupportsMany, stores=False)
    @pytest.mark.parametrize("key", [7, b"key", None, ""], ids=["int", "bytes", "None", "empty"])
    async def test_set_many_with_what_is_no_key_stores_nothing(self, backend: Any, key: Any) -> None:
        with pytest.raises(ValueError if key == "" else TypeError, match="key"):
            await backend.set_many({"a": (b"a", None), key: (b"b", None)})
        assert await backend.get("a") is None

    @check(SupportsMany)
    @pytest.mark.parametrize("key", [7, b"key", None, ""], ids=["int", "bytes", "None", "empty"])
    async def test_batches_refuse_what_is_no_key(self, backend: Any, key: Any) -> None:
        refusal = ValueError if key == "" else TypeError
        with pytest.raises(refusal, match="key"):
            await backend.get_many(["a", key])
        await backend.set("a", b"value")
        with pytest.raises(refusal, match="key"):
            await backend.delete_many(["a", key])
        assert await backend.get("a") == b"value"

    @check(SupportsMany)
    async def test_delete_many_counts_what_was_there(self, backend: Any) -> None:
        for key in ("a", "b", "c"):
            await self.raw_set(backend, key, b"", None)
        assert await backend.delete_many(["a", "missing", "b"]) == 2
        assert [await self.raw_get(backend, key) is None for key in ("a", "b", "c")] == [True, True, False]

    @check(SupportsMany)
    async def test_delete_many_counts_a_key_once(self, backend: Any) -> None:
        await self.raw_set(backend, "a", b"value", None)
        assert await backend.delete_many(["a", "a", "a"]) == 1

    @check(SupportsMany)
    async def test_delete_many_counts_nothing_that_has_ended(self, backend: Any) -> None:
        await backend.set("ends", b"value", ttl=self.short)
        await backend.set("stays", b"value")
        await self.outlive(backend, self.short)
        assert await backend.delete_many(["ends", "stays"]) == 1

    @check(SupportsMany)
    async def test_batches_keep_apart_keys_that_look_alike(self, backend: Any) -> None:
        pairs = list(KEYS.values())
        firsts = {key: (f"of {at}".encode(), None) for at, (key, _) in enumerate(pairs)}
        await backend.set_many(firsts)
        others = [other for _, other in pairs if other not in firsts]
        assert await backend.get_many(others) == {}
        assert await backend.delete_many(others) == 0
        assert await backend.get_many(list(firsts)) == {key: value for key, (value, _) in firsts.items()}

    @check(SupportsMany)
    async def test_a_large_batch_is_whole(self, backend: Any) -> None:
        keys = [f"key:{number}" for number in range(_MANY)]
        await backend.set_many({key: (key.encode(), 3600) for key in keys})
        assert await backend.get_many(keys) == {key: key.encode() for key in keys}
        assert await backend.delete_many(keys) == _MANY
        assert await backend.get_many(keys) == {}


class RemainingLifeChecks(Harness):
    """`get_with_ttl`."""

    @check(SupportsTTL, stores=False)
    async def test_no_keys_have_no_lives(self, backend: Any) -> None:
        assert await backend.get_with_ttl([]) == {}
        assert await backend.get_with_ttl(["missing"]) == {}

    @check(SupportsTTL)
    async def test_the_remaining_life_is_never_longer_than_was_given(self, backend: Any) -> None:
        await backend.set("key", b"value", ttl=60)
        value, left = (await backend.get_with_ttl(["key"]))["key"]
        assert value == b"value"
        assert 60 - self.patience - self.ttl_granularity <= left <= 60 + self.ttl_granularity

    @check(SupportsTTL, when=lambda suite: suite.fake_time)
    async def test_the_remaining_life_runs_down(self, backend: Any) -> None:
        await backend.set("key", b"value", ttl=60)
        await self.advance(20)
        _, left = (await backend.get_with_ttl(["key"]))["key"]
        assert abs(left - 40) <= self.ttl_granularity

    @check(SupportsTTL)
    async def test_no_expiry_is_a_life_of_none(self, backend: Any) -> None:
        await backend.set("key", b"", ttl=60)
        await backend.set("key", b"")
        assert await backend.get_with_ttl(["key", "missing", "key"]) == {"key": (b"", None)}

    @check(SupportsTTL)
    async def test_what_has_ended_has_no_life(self, backend: Any) -> None:
        await backend.set("key", b"value", ttl=self.short)
        await self.outlive(backend, self.short)
        assert await backend.get_with_ttl(["key"]) == {}

    @check(SupportsTTL, SupportsMany)
    async def test_set_many_gives_the_lives_it_was_told(self, backend: Any) -> None:
        await backend.set_many({"a": (b"a", 60), "b": (b"b", 3600), "c": (b"c", None)})
        found = await backend.get_with_ttl(["c", "b", "a"])
        lives = [found[key][1] for key in ("a", "b", "c")]
        assert lives[0] <= 60 + self.ttl_granularity < lives[1] <= 3600 + self.ttl_granularity
        assert lives[2] is None

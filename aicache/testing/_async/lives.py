"""What must hold of how long an entry lives."""

from __future__ import annotations

from math import nan
from typing import Any, Final

import pytest

from aicache.errors import InvalidArgumentError
from aicache.testing._async.harness import Harness, check

__all__ = ["LifeChecks"]

IMPOSSIBLE: Final = {"zero": 0, "negative": -1, "just below zero": -1e-9, "not a number": nan}

_LONG: Final = 100 * 365 * 86_400.0


class LifeChecks(Harness):
    """Expiry. A test waits at the most for `short`, or moves the clock where time is fake."""

    @check()
    @pytest.mark.parametrize("ttl", [60, 60.5, _LONG], ids=["whole", "fraction", "a century"])
    async def test_an_entry_lives_before_its_end(self, backend: Any, ttl: float) -> None:
        await backend.set("key", b"value", ttl=ttl)
        assert await backend.get("key") == b"value"

    @check(when=lambda suite: suite.fake_time)
    async def test_an_entry_lives_until_just_before_its_end(self, backend: Any) -> None:
        await backend.set("key", b"value", ttl=60.5)
        await self.advance(60.5 - 0.01)
        assert await backend.get("key") == b"value"

    @check(when=lambda suite: suite.fake_time)
    async def test_an_entry_without_ttl_never_ends(self, backend: Any) -> None:
        await backend.set("key", b"value")
        await self.advance(_LONG)
        assert await backend.get("key") == b"value"

    @check()
    async def test_an_entry_ends(self, backend: Any) -> None:
        await backend.set("key", b"value", ttl=self.short)
        await self.outlive(backend, self.short)
        assert await backend.get("key") is None

    @check()
    async def test_the_shortest_ttl_ends(self, backend: Any) -> None:
        await backend.set("key", b"value", ttl=1e-6)
        await self.outlive(backend, self.short)
        assert await backend.get("key") is None

    @check()
    async def test_what_the_store_was_given_ends(self, backend: Any) -> None:
        await self.raw_set(backend, "key", b"value", self.short)
        await self.outlive(backend, self.short)
        assert await backend.get("key") is None

    @check()
    async def test_an_ended_entry_is_not_there_to_delete(self, backend: Any) -> None:
        await backend.set("key", b"value", ttl=self.short)
        await self.outlive(backend, self.short)
        assert await backend.delete("key") is False

    @check()
    async def test_an_ended_entry_can_be_set_again(self, backend: Any) -> None:
        await backend.set("key", b"first", ttl=self.short)
        await self.outlive(backend, self.short)
        await backend.set("key", b"second")
        assert await backend.get("key") == b"second"

    @check()
    async def test_a_set_without_ttl_forgets_the_ttl_before_it(self, backend: Any) -> None:
        await backend.set("key", b"first", ttl=self.short)
        await backend.set("key", b"second")
        await self.outlive(backend, self.short)
        assert await backend.get("key") == b"second"

    @check()
    async def test_a_longer_ttl_replaces_a_shorter_one(self, backend: Any) -> None:
        await backend.set("key", b"first", ttl=self.short)
        await backend.set("key", b"second", ttl=3600)
        await self.outlive(backend, self.short)
        assert await backend.get("key") == b"second"

    @check()
    async def test_a_shorter_ttl_replaces_a_longer_one(self, backend: Any) -> None:
        await backend.set("key", b"first", ttl=3600)
        await backend.set("key", b"second", ttl=self.short)
        await self.outlive(backend, self.short)
        assert await backend.get("key") is None

    @check()
    async def test_a_ttl_replaces_no_expiry(self, backend: Any) -> None:
        await backend.set("key", b"first")
        await backend.set("key", b"second", ttl=self.short)
        await self.outlive(backend, self.short)
        assert await backend.get("key") is None

    @check()
    async def test_reading_does_not_lengthen_a_life(self, backend: Any) -> None:
        await backend.set("key", b"value", ttl=self.short)
        assert await backend.get("other") is None
        await backend.get("key")
        await self.outlive(backend, self.short)
        assert await backend.get("key") is None

    @check()
    async def test_each_entry_has_a_life_of_its_own(self, backend: Any) -> None:
        await backend.set("short", b"value", ttl=self.short)
        await backend.set("long", b"value", ttl=3600)
        await backend.set("unbounded", b"value")
        await self.outlive(backend, self.short)
        found = [await backend.get(key) for key in ("short", "long", "unbounded")]
        assert found == [None, b"value", b"value"]

    @check(stores=False)
    @pytest.mark.parametrize("kind", IMPOSSIBLE)
    async def test_an_impossible_ttl_is_refused(self, backend: Any, kind: str) -> None:
        with pytest.raises(InvalidArgumentError):
            await backend.set("key", b"value", ttl=IMPOSSIBLE[kind])

    @check()
    @pytest.mark.parametrize("kind", IMPOSSIBLE)
    async def test_an_impossible_ttl_leaves_what_is_stored(self, backend: Any, kind: str) -> None:
        await backend.set("key", b"before")
        try:
            await backend.set("key", b"after", ttl=IMPOSSIBLE[kind])
        except ValueError:
            assert await backend.get("key") == b"before"
        else:
            pytest.fail(f"ttl={IMPOSSIBLE[kind]!r} was taken")

    @check(stores=False)
    async def test_a_ttl_that_is_no_number_is_refused(self, backend: Any) -> None:
        with pytest.raises(TypeError):
            await backend.set("key", b"value", ttl="60")

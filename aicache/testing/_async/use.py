"""What must hold of a backend in use: its wiring, its callers at the same time, and its end."""

from __future__ import annotations

import asyncio  # async-only
import inspect
from functools import partial
from typing import Any, Final

import pytest

from aicache._async.tiered import TieredCache
from aicache.errors import ClosedError
from aicache.protocols import (
    CacheBackend,
    HasDeadline,
    HoldsEntries,
    SupportsClear,
    SupportsFeed,
    SupportsInfo,
    SupportsLeases,
    SupportsMany,
    SupportsReclaim,
    SupportsScan,
    SupportsTags,
    SupportsTTL,
    supports,
)
from aicache.testing._async.harness import Harness, check, together

__all__ = ["UseChecks"]

# All but HasDeadline, which has no verbs of its own to test.
CAPABILITIES: Final = (
    *(HoldsEntries, SupportsClear, SupportsInfo, SupportsMany, SupportsScan, SupportsTTL),
    *(SupportsLeases, SupportsFeed, SupportsTags, SupportsReclaim),
)

CALLERS: Final = 50


class UseChecks(Harness):
    """Wiring, concurrency and closing."""

    @check(stores=False)
    async def test_it_is_a_backend(self, backend: Any) -> None:
        assert isinstance(backend, CacheBackend)

    @check(stores=False)
    async def test_its_verbs_are_of_one_flavour(self, backend: Any) -> None:
        answer = backend.get("key")
        assert inspect.isawaitable(answer)  # async-only
        await answer  # async-only
        # sync: assert not inspect.isawaitable(answer), "an async backend belongs in the suite BackendContract"

    @check(stores=False)
    async def test_it_can_do_what_is_declared(self, backend: Any) -> None:
        """What the backend can do is in `capabilities` of the suite, so that it is tested, and nothing else is."""
        can = {capability.__name__ for capability in CAPABILITIES if supports(backend, capability)}
        assert can == {capability.__name__ for capability in self.capabilities}

    @check(stores=False)
    async def test_it_works_as_a_tier(self, backend: Any) -> None:
        cache = TieredCache([backend])
        assert await cache.get_or_set("key", lambda: {"answer": 42}) == {"answer": 42}
        assert await cache.get("key") == ({"answer": 42} if self.stores else None)
        assert cache.stats().tiers[0].errors == 0

    @check(stores=False)
    async def test_its_deadline_is_seconds_or_none(self, backend: Any) -> None:
        if supports(backend, HasDeadline):
            assert backend.deadline is None or backend.deadline > 0

    @check()
    async def test_callers_at_once_get_their_own(self, backend: Any) -> None:
        keys = [f"key:{number}" for number in range(CALLERS)]
        await together([partial(backend.set, key, key.encode() * 100, ttl=3600) for key in keys])
        found = await together([partial(backend.get, key) for key in keys])
        assert found == [key.encode() * 100 for key in keys]
        assert await together([partial(backend.delete, key) for key in keys]) == [True] * CALLERS

    @check()
    async def test_a_key_written_by_many_has_one_value_whole(self, backend: Any) -> None:
        values = [bytes([number]) * 10_000 for number in range(CALLERS)]
        await together([partial(backend.set, "key", value) for value in values])
        found = await together([partial(backend.get, "key")] * CALLERS)
        assert set(found) <= set(values)
        assert len(set(found)) == 1

    @check()
    async def test_one_of_many_deletes(self, backend: Any) -> None:
        await backend.set("key", b"value")
        told = await together([partial(backend.delete, "key")] * CALLERS)
        assert sorted(told) == [False] * (CALLERS - 1) + [True]

    @check(SupportsMany)
    async def test_batches_at_once_get_their_own(self, backend: Any) -> None:
        batches = [[f"{number}:{at}" for at in range(20)] for number in range(20)]
        await together([partial(backend.set_many, {key: (key.encode(), None) for key in batch}) for batch in batches])
        found = await together([partial(backend.get_many, batch) for batch in batches])
        assert found == [{key: key.encode() for key in batch} for batch in batches]

    # async-only: begin
    @check()
    @pytest.mark.parametrize("steps", [0, 1, 2, 3, 5])
    async def test_a_cancelled_call_harms_no_other(self, backend: Any, steps: int) -> None:
        """A call is cancelled after some steps of the event loop; then every key still has its own value."""
        keys = [f"key:{number}" for number in range(10)]
        for key in keys:
            await backend.set(key, key.encode())
        for key in keys:
            call = asyncio.ensure_future(backend.get(key))
            for _ in range(steps):
                await asyncio.sleep(0)
            call.cancel()
            await asyncio.gather(call, return_exceptions=True)
            assert [await backend.get(key) for key in keys] == [key.encode() for key in keys]

    @check()
    @pytest.mark.parametrize("steps", [0, 1, 2, 3, 5])
    async def test_a_cancelled_write_is_whole_or_not_there(self, backend: Any, steps: int) -> None:
        old, new = b"old" * 10_000, b"new" * 10_000
        for key in ("a", "b", "c"):
            await backend.set(key, old)
            call = asyncio.ensure_future(backend.set(key, new))
            for _ in range(steps):
                await asyncio.sleep(0)
            call.cancel()
            await asyncio.gather(call, return_exceptions=True)
            assert await backend.get(key) in (old, new)

    # async-only: end

    @check(stores=False)
    async def test_closing_twice_is_fine(self, backend: Any) -> None:
        await backend.aclose()
        await backend.aclose()

    @check(stores=False)
    async def test_closing_at_once_from_many_sides_is_fine(self, backend: Any) -> None:
        await together([backend.aclose] * 5)

    @check(stores=False)
    async def test_a_closed_backend_says_so(self, backend: Any) -> None:
        await backend.set("key", b"value")
        await backend.aclose()
        with pytest.raises(ClosedError):
            await backend.get("key")
        with pytest.raises(ClosedError):
            await backend.set("key", b"value")
        with pytest.raises(ClosedError):
            await backend.delete("key")

    @check(SupportsMany, stores=False)
    async def test_a_closed_backend_says_so_to_batches(self, backend: Any) -> None:
        await backend.aclose()
        with pytest.raises(ClosedError):
            await backend.get_many(["key"])
        with pytest.raises(ClosedError):
            await backend.set_many({"key": (b"value", None)})
        with pytest.raises(ClosedError):
            await backend.delete_many(["key"])

    @check(SupportsTTL, stores=False)
    async def test_a_closed_backend_tells_no_lives(self, backend: Any) -> None:
        await backend.aclose()
        with pytest.raises(ClosedError):
            await backend.get_with_ttl(["key"])

    @check(SupportsScan, stores=False)
    async def test_a_closed_backend_lists_nothing(self, backend: Any) -> None:
        await backend.aclose()
        with pytest.raises(ClosedError):
            async for _ in backend.scan():
                pass

    @check(SupportsClear, stores=False)
    async def test_a_closed_backend_clears_nothing(self, backend: Any) -> None:
        await backend.aclose()
        with pytest.raises(ClosedError):
            await backend.clear()

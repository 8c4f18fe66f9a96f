"""What must hold of a backend that keeps live entries in this process."""

from __future__ import annotations

from functools import partial
from threading import Thread
from typing import Any

from aicache.protocols import HoldsEntries
from aicache.testing._async.harness import Harness, check

__all__ = ["EntryChecks"]


def _put(backend: Any, key: str, value: object, ttl: float | None = None, size: int = 10) -> bool:
    kept: bool = backend.put(key, value, thaw=None, size=size, created=1.5, ttl=ttl, compressed=True, cost=None)
    return kept


class EntryChecks(Harness):
    """`peek`, `put` and `drop`."""

    @check(HoldsEntries)
    async def test_peek_finds_what_put_kept(self, backend: Any) -> None:
        value, thaw = object(), partial(list[int])
        assert backend.put("key", value, thaw=thaw, size=10, created=1.5, ttl=None, compressed=True, cost=None) is True
        entry = backend.peek("key")
        assert entry.value is value
        assert entry.thaw is thaw
        assert (entry.created, entry.expires, entry.compressed) == (1.5, None, True)

    @check(HoldsEntries)
    async def test_a_peek_that_misses_is_none(self, backend: Any) -> None:
        assert backend.peek("missing") is None

    @check(HoldsEntries)
    async def test_none_may_be_kept(self, backend: Any) -> None:
        _put(backend, "key", None)
        assert backend.peek("key") is not None
        assert backend.peek("key").value is None

    @check(HoldsEntries)
    async def test_a_put_replaces(self, backend: Any) -> None:
        _put(backend, "key", "first", ttl=self.short)
        _put(backend, "key", "second")
        await self.outlive(backend, self.short)
        assert backend.peek("key").value == "second"

    @check(HoldsEntries)
    async def test_drop_forgets_and_says_whether_there_was_one(self, backend: Any) -> None:
        _put(backend, "key", "value")
        _put(backend, "other", "value")
        assert [backend.drop("key"), backend.drop("key")] == [True, False]
        assert backend.peek("key") is None
        assert backend.peek("other") is not None

    @check(HoldsEntries)
    async def test_a_kept_entry_ends(self, backend: Any) -> None:
        _put(backend, "key", "value", ttl=self.short)
        assert 0 < backend.peek("key").expires - backend.clock() <= self.short + self.ttl_granularity
        await self.outlive(backend, self.short)
        assert backend.peek("key") is None
        assert backend.drop("key") is False

    @check(HoldsEntries)
    async def test_live_entries_and_bytes_share_their_keys(self, backend: Any) -> None:
        _put(backend, "key", "live")
        assert await backend.get("key") is None
        await backend.set("key", b"bytes")
        assert backend.peek("key") is None
        assert await backend.get("key") == b"bytes"
        _put(backend, "key", "live")
        assert await backend.get("key") is None
        assert await backend.delete("key") is True
        assert backend.peek("key") is None

    @check(HoldsEntries)
    async def test_what_does_not_fit_leaves_nothing_older(self, backend: Any) -> None:
        _put(backend, "key", "old")
        if not _put(backend, "key", "new", size=2**62):
            assert backend.peek("key") is None
        else:
            assert backend.peek("key").value == "new"

    @check(HoldsEntries)
    async def test_its_verbs_answer_at_once_from_any_thread(self, backend: Any) -> None:
        _put(backend, "key", "value")
        found: list[Any] = []
        thread = Thread(target=lambda: found.extend([backend.peek("key").value, backend.drop("key")]))
        thread.start()
        thread.join()
        assert found == ["value", True]
        assert isinstance(backend.isolates, bool)

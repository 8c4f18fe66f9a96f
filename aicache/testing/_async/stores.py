"""What must hold of a store as a whole: listing it, clearing it, and those who share it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import Any

import pytest

from aicache.protocols import SupportsClear, SupportsInfo, SupportsScan
from aicache.testing._async.harness import Harness, check, opened, overrides
from aicache.testing._async.values import KEYS

__all__ = ["SharingChecks", "StoreChecks"]

_MANY = 1_200  # more than any slice that a store is likely to list at once


async def _listed(backend: Any, prefix: str = "") -> list[str]:
    return sorted({key async for key in backend.scan(prefix)})


class StoreChecks(Harness):
    """`scan`, `clear` and `info`."""

    @check(SupportsScan, stores=False)
    async def test_an_empty_store_lists_nothing(self, backend: Any) -> None:
        assert await _listed(backend) == []
        assert await _listed(backend, "prefix") == []

    @check(SupportsScan)
    async def test_scan_lists_every_key(self, backend: Any) -> None:
        for key, other in KEYS.values():
            await backend.set(key, b"")
            await backend.set(other, b"", ttl=3600)
        assert await _listed(backend) == sorted({key for pair in KEYS.values() for key in pair})

    @check(SupportsScan)
    async def test_scan_lists_a_large_store(self, backend: Any) -> None:
        keys = sorted(f"key:{number}" for number in range(_MANY))
        for key in keys:
            await backend.set(key, b"value")
        assert await _listed(backend) == keys

    @check(SupportsScan)
    @pytest.mark.parametrize("prefix", ["a*", "a?", "a[b]", "a\\", "a%", "a_", "a.", "^a"])
    async def test_a_prefix_is_text_and_no_pattern(self, backend: Any, prefix: str) -> None:
        for key in (prefix, f"{prefix}:more", "abc", "a", f":{prefix}"):
            await backend.set(key, b"value")
        assert await _listed(backend, prefix) == sorted([prefix, f"{prefix}:more"])

    @check(SupportsScan)
    async def test_scan_lists_nothing_that_has_ended(self, backend: Any) -> None:
        await backend.set("ends", b"value", ttl=self.short)
        await backend.set("stays", b"value")
        await self.outlive(backend, self.short)
        assert await _listed(backend) == ["stays"]

    @check(SupportsScan)
    async def test_scan_lists_nothing_that_was_deleted(self, backend: Any) -> None:
        await backend.set("gone", b"value")
        await backend.set("stays", b"value")
        await backend.delete("gone")
        assert await _listed(backend) == ["stays"]

    @check(SupportsScan)
    async def test_scan_bears_changes_meanwhile(self, backend: Any) -> None:
        stay = [f"stays:{number}" for number in range(300)]
        go = [f"goes:{number}" for number in range(300)]
        for key in stay + go:
            await backend.set(key, b"value")
        seen: set[str] = set()
        async for key in backend.scan():
            seen.add(key)
            if go:  # the store shrinks, so that nothing that goes by its size can miss that it changed
                await backend.delete(go.pop())
                await backend.delete(go.pop())
                await backend.set(f"new:{len(go)}", b"value")
        assert set(stay) <= seen

    @check(SupportsScan)
    async def test_scan_may_be_left_early(self, backend: Any) -> None:
        for number in range(20):
            await backend.set(f"key:{number}", b"value")
        async for key in backend.scan("key:"):
            await backend.delete(key)
            break
        assert len(await _listed(backend)) == 19

    @check(SupportsClear, stores=False)
    async def test_an_empty_store_may_be_cleared(self, backend: Any) -> None:
        await backend.clear()
        await backend.clear()
        assert await backend.get("key") is None

    @check(SupportsClear)
    async def test_clear_forgets_everything(self, backend: Any) -> None:
        keys = [key for pair in KEYS.values() for key in pair] + [f"key:{number}" for number in range(_MANY)]
        for key in keys:
            await backend.set(key, b"value", ttl=3600)
        await backend.clear()
        assert [key for key in keys if await backend.get(key) is not None] == []
        assert await self.raw_get(backend, keys[0]) is None

    @check(SupportsClear)
    async def test_a_cleared_store_can_be_used(self, backend: Any) -> None:
        await backend.set("key", b"before")
        await backend.clear()
        await backend.set("key", b"after")
        assert await backend.get("key") == b"after"

    @check(SupportsInfo, stores=False)
    async def test_info_has_names(self, backend: Any) -> None:
        await backend.set("key", b"value")
        found: Mapping[str, object] = await backend.info()
        assert isinstance(found, Mapping)
        assert {type(name) for name in found} <= {str}


class SharingChecks(Harness):
    """Two backends over one store."""

    @check(when=overrides("make_peer"))
    async def test_peers_see_the_same_entries(self, backend: Any) -> None:
        async with AsyncExitStack() as stack:
            peer = await opened(stack, self.make_peer())
            await backend.set("key", b"value", ttl=3600)
            assert await peer.get("key") == b"value"
            assert await peer.delete("key") is True
            assert await backend.get("key") is None

    @check(when=overrides("make_peer"))
    async def test_a_closed_peer_takes_nothing_with_it(self, backend: Any) -> None:
        async with AsyncExitStack() as stack:
            peer = await opened(stack, self.make_peer())
            await peer.set("key", b"value")
        assert await backend.get("key") == b"value"

    @check(when=overrides("make_neighbour"))
    async def test_neighbours_have_entries_of_their_own(self, backend: Any) -> None:
        async with AsyncExitStack() as stack:
            neighbour = await opened(stack, self.make_neighbour())
            await backend.set("key", b"ours")
            assert await neighbour.get("key") is None
            assert await neighbour.delete("key") is False
            await neighbour.set("key", b"theirs")
            assert await backend.get("key") == b"ours"

    @check(SupportsClear, when=overrides("make_neighbour"))
    async def test_clear_spares_a_neighbour(self, backend: Any) -> None:
        async with AsyncExitStack() as stack:
            neighbour = await opened(stack, self.make_neighbour())
            await backend.set("key", b"ours")
            await neighbour.set("key", b"theirs")
            await backend.clear()
            assert await backend.get("key") is None
            assert await neighbour.get("key") == b"theirs"

    @check(SupportsScan, when=overrides("make_neighbour"))
    async def test_scan_lists_nothing_of_a_neighbour(self, backend: Any) -> None:
        async with AsyncExitStack() as stack:
            neighbour = await opened(stack, self.make_neighbour())
            await backend.set("ours", b"value")
            await neighbour.set("theirs", b"value")
            assert await _listed(backend) == ["ours"]
            assert await _listed(neighbour) == ["theirs"]

"""How a test has one thing wait for another: a store that holds a call until it is let go, and a loop that goes on."""

from __future__ import annotations

import asyncio

from aicache import Codec

__all__ = ["SlowStore", "settle"]

_codec = Codec()


class SlowStore:
    """A byte store that holds a call of a verb, before or after its effect, until it is let go."""

    def __init__(self) -> None:
        self.data: dict[str, bytes] = {}
        self._held: dict[tuple[str, str], tuple[asyncio.Event, asyncio.Event]] = {}

    def hold(self, verb: str, when: str) -> tuple[asyncio.Event, asyncio.Event]:
        """The next call of `verb` announces itself and waits; returns (arrived, gate)."""
        pair = self._held[verb, when] = asyncio.Event(), asyncio.Event()
        return pair

    async def _pass(self, verb: str, when: str) -> None:
        pair = self._held.pop((verb, when), None)
        if pair is not None:
            arrived, gate = pair
            arrived.set()
            await gate.wait()

    async def get(self, key: str) -> bytes | None:
        await self._pass("get", "before")
        value = self.data.get(key)
        await self._pass("get", "after")
        return value

    async def set(self, key: str, value: bytes, *, ttl: float | None = None) -> None:
        await self._pass("set", "before")
        self.data[key] = value
        await self._pass("set", "after")

    async def delete(self, key: str) -> bool:
        await self._pass("delete", "before")
        found = self.data.pop(key, None) is not None
        await self._pass("delete", "after")
        return found

    async def aclose(self) -> None:
        self.data = {}

    def plant(self, key: str, value: object) -> None:
        """Have it hold a value, with no expiry."""
        self.data[key] = _codec.seal(key, _codec.pack(_codec.dumps(value)), created=0.0, fresh_for=None)

    def kept(self, key: str) -> object:
        """The value that it holds; None: none."""
        return _codec.open(key, self.data[key]).value if key in self.data else None


async def settle() -> None:
    """Let every task run as far as it can."""
    for _ in range(50):
        await asyncio.sleep(0)

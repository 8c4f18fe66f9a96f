"""Keeps a slow fill from overtaking a write or an invalidation of the same key.

Whoever is about to copy a value upwards (a load that will be stored, a read that will be promoted, a write on its way
through the tiers) takes a pass for its key first. A `set`, a `delete` or a `clear` revokes every pass that is out. A
value is stored only under a pass that still holds, so a value that was read before an invalidation is never stored
after it.

A process that does not hear what others do may miss an invalidation: `doubt`. Then nothing that was read before is kept
where only being told keeps it true. A store that knows by a lease what was invalidated still takes what was loaded, so
a feed that falters costs no answer that was paid for.

The idea is the lease of Nishtala et al., "Scaling Memcache at Facebook" (NSDI 2013), within one process.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

__all__ = ["Fence", "Pass", "Passes"]

T = TypeVar("T")


class _Slot:
    """What all passes of one key share: it exists while somebody holds one."""

    __slots__ = ("doubts", "epoch", "holders")

    def __init__(self) -> None:
        self.epoch = 0
        self.doubts = 0
        self.holders = 0


class Pass:
    """Leave to store under one key, until it is revoked."""

    __slots__ = ("_doubts", "_epoch", "_lock", "slot")

    def __init__(self, slot: _Slot, lock: threading.Lock) -> None:
        self.slot = slot
        self._epoch = slot.epoch
        self._doubts = slot.doubts
        self._lock = lock

    @property
    def stands(self) -> bool:
        """False once a later write or invalidation of the key has begun, as far as this process knows."""
        return self.slot.epoch == self._epoch

    @property
    def holds(self) -> bool:
        """False then, and once this process cannot know."""
        return self.slot.epoch == self._epoch and self.slot.doubts == self._doubts

    def renew(self) -> bool:
        """Revoke every other pass of the key and keep this one; False where this one was revoked itself."""
        with self._lock:
            if not self.holds:
                return False
            self.slot.epoch += 1
            self._epoch = self.slot.epoch
            return True

    def store(self, put: Callable[..., bool], *arguments: Any) -> bool:
        """Call `put`, which must not wait, if the pass holds; nothing can revoke it in between."""
        with self._lock:
            return self.holds and put(*arguments)


class Passes(dict[str, Pass]):
    """A pass for each of some keys, for as long as the block `with` it runs."""

    __slots__ = ("_fence",)

    def __init__(self, fence: Fence) -> None:
        self._fence = fence

    def __enter__(self) -> Passes:
        return self

    def __exit__(self, *_: object) -> None:
        self._fence.leave(self)


class Fence:
    """The passes that are out, by key. Safe from any thread; it holds nothing for a key that nobody is busy with."""

    def __init__(self) -> None:
        self._slots: dict[str, _Slot] = {}
        self._lock = threading.Lock()

    def enter(self, keys: Iterable[str], *, revoking: bool = False) -> Passes:
        """A pass for each key. `revoking`: all others that are out for them are revoked."""
        slots, lock, granted = self._slots, self._lock, Passes(self)
        with lock:
            for key in keys:
                if key not in granted:
                    slot = slots.get(key)
                    if slot is None:
                        slot = slots[key] = _Slot()
                    elif revoking:
                        slot.epoch += 1
                    slot.holders += 1
                    granted[key] = Pass(slot, lock)
        return granted

    def overwrite(self, put: Callable[[str, T], bool], key: str, item: T) -> bool:
        """Call `put`, which must not wait, and revoke every pass of the key with it; none can be taken in between."""
        with self._lock:
            slot = self._slots.get(key)
            if slot is not None:
                slot.epoch += 1
            return put(key, item)

    def leave(self, granted: Passes) -> None:
        """Give passes back."""
        with self._lock:
            self._leave(granted)

    def leave_soon(self, granted: Passes) -> bool:
        """The same from code that the garbage collector may run, where this very thread may be inside another of these
        methods: waits a tenth of a second at most, and says whether it was done.
        """
        if not self._lock.acquire(timeout=0.1):
            return False
        try:
            self._leave(granted)
        finally:
            self._lock.release()
        return True

    def _leave(self, granted: Passes) -> None:
        for key, held in granted.items():
            slot = held.slot
            slot.holders -= 1
            if not slot.holders:
                del self._slots[key]

    def revoke(self, keys: Iterable[str]) -> None:
        """Let nothing be stored under these keys that was read or loaded before now."""
        with self._lock:
            for key in keys:
                slot = self._slots.get(key)
                if slot is not None:
                    slot.epoch += 1

    def revoke_where(self, matches: Callable[[str], bool]) -> None:
        """The same for every key that matches."""
        with self._lock:
            for key, slot in self._slots.items():
                if matches(key):
                    slot.epoch += 1

    def revoke_all(self) -> None:
        """The same for every key."""
        self.revoke_where(lambda _: True)

    def doubt(self) -> None:
        """Others may have invalidated any key unheard: no pass holds any more, and those that stood stand."""
        with self._lock:
            for slot in self._slots.values():
                slot.doubts += 1

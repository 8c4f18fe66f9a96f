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


class Pass:
    """Leave to store under one key, until it is revoked.

    `stands`: False once a later write or invalidation of the key has begun, as far as this process knows.
    `holds`: False then, and once this process cannot know.
    """

    __slots__ = ("_lock", "_out", "holds", "stands")

    def __init__(self, out: set[Pass], lock: threading.Lock) -> None:
        self.stands = self.holds = True
        self._out = out
        self._lock = lock

    def renew(self) -> bool:
        """Revoke every other pass of the key and keep this one; False where this one was revoked itself."""
        with self._lock:
            if self.holds and len(self._out) > 1:
                _revoke(self._out)
                self.stands = self.holds = True
            return self.holds

    def store(self, put: Callable[..., bool], *arguments: Any) -> bool:
        """Call `put`, which must not wait, if the pass holds; nothing can revoke it in between."""
        with self._lock:
            return self.holds and put(*arguments)


def _revoke(out: Iterable[Pass]) -> None:
    for held in out:
        held.stands = held.holds = False


class Passes(dict[str, Pass]):
    """A pass for each of some keys, for as long as the block `with` it runs. `leave`: gives them back."""

    __slots__ = ("leave",)
    leave: Callable[[Passes], None]

    def __enter__(self) -> Passes:
        return self

    def __exit__(self, *_: object) -> None:
        self.leave(self)


class Fence:
    """The passes that are out, by key. Safe from any thread; it holds nothing for a key that nobody is busy with."""

    def __init__(self) -> None:
        self._out: dict[str, set[Pass]] = {}
        self._lock = threading.Lock()

    def enter(self, keys: Iterable[str], *, revoking: bool = False) -> Passes:
        """A pass for each key. `revoking`: all others that are out for them are revoked."""
        every, lock, granted = self._out, self._lock, Passes()
        granted.leave = self.leave
        with lock:
            for key in keys:
                if key not in granted:
                    out = every.get(key)
                    if out is None:
                        out = every[key] = set()
                    elif revoking:
                        _revoke(out)
                    held = granted[key] = Pass(out, lock)
                    out.add(held)
        return granted

    def overwrite(self, put: Callable[[str, T], bool], key: str, item: T) -> bool:
        """Call `put`, which must not wait, and revoke every pass of the key with it; none can be taken in between."""
        with self._lock:
            _revoke(self._out.get(key, ()))
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
        every = self._out
        for key, held in granted.items():
            out = every[key]
            out.remove(held)
            if not out:
                del every[key]

    def revoke(self, keys: Iterable[str]) -> None:
        """Let nothing be stored under these keys that was read or loaded before now."""
        with self._lock:
            for key in keys:
                _revoke(self._out.get(key, ()))

    def revoke_where(self, matches: Callable[[str], bool]) -> None:
        """The same for every key that matches."""
        with self._lock:
            for key, out in self._out.items():
                if matches(key):
                    _revoke(out)

    def revoke_all(self) -> None:
        """The same for every key."""
        self.revoke_where(lambda _: True)

    def doubt(self) -> None:
        """Others may have invalidated any key unheard: no pass holds any more, and those that stood stand."""
        with self._lock:
            for out in self._out.values():
                for held in out:
                    held.holds = False

"""The state machine of a backend."""

from __future__ import annotations

from typing import Final

import hypothesis.strategies as st
from hypothesis.stateful import precondition, rule

from aicache.protocols import (
    SupportsClear,
    SupportsMany,
    SupportsScan,
    SupportsTTL,
    SyncSupportsClear,
    SyncSupportsMany,
    SyncSupportsScan,
    SyncSupportsTTL,
    supports,
)
from aicache.testing._machine import KEYS, MANY_KEYS, TTLS, Machine

__all__ = ["BackendMachine"]

BYTES: Final = st.one_of(st.sampled_from([b"", b"\0", b"a"]), st.binary(max_size=40))


class BackendMachine(Machine):
    """The verbs of a backend; the optional ones where it has them."""

    def __init__(self) -> None:
        super().__init__()
        self.subject = self.done(type(self).make(self.clock))
        self.can_many = self._can(SupportsMany, SyncSupportsMany)
        self.can_ttl = self._can(SupportsTTL, SyncSupportsTTL)
        self.can_scan = self._can(SupportsScan, SyncSupportsScan)
        self.can_clear = self._can(SupportsClear, SyncSupportsClear)

    def teardown(self) -> None:
        """Close the backend."""
        self.close(self.subject)

    def _can(self, *flavours: type) -> bool:
        return any(supports(self.subject, flavour) for flavour in flavours)

    @rule(key=KEYS)
    def get(self, key: str) -> None:
        """Read one."""
        assert self.done(self.subject.get(key)) == self.oracle.get(key)

    @rule(key=KEYS, value=BYTES, ttl=TTLS)
    def set(self, key: str, value: bytes, ttl: float | None) -> None:
        """Write one."""
        self.done(self.subject.set(key, value, ttl=self.life(ttl)))
        self.oracle.set(key, value, self.life(ttl))

    @rule(key=KEYS)
    def delete(self, key: str) -> None:
        """Forget one."""
        assert self.done(self.subject.delete(key)) is self.oracle.delete(key)

    @precondition(lambda self: self.can_many)
    @rule(keys=MANY_KEYS)
    def get_many(self, keys: list[str]) -> None:
        """Read some."""
        assert self.done(self.subject.get_many(keys)) == self.oracle.get_many(keys)

    @precondition(lambda self: self.can_many)
    @rule(entries=st.dictionaries(KEYS, st.tuples(BYTES, TTLS)))
    def set_many(self, entries: dict[str, tuple[bytes, float | None]]) -> None:
        """Write some."""
        entries = {key: (value, self.life(ttl)) for key, (value, ttl) in entries.items()}
        self.done(self.subject.set_many(entries))
        for key, (value, ttl) in entries.items():
            self.oracle.set(key, value, ttl)

    @precondition(lambda self: self.can_many)
    @rule(keys=MANY_KEYS)
    def delete_many(self, keys: list[str]) -> None:
        """Forget some."""
        assert self.done(self.subject.delete_many(keys)) == self.oracle.delete_many(keys)

    @precondition(lambda self: self.can_ttl)
    @rule(keys=MANY_KEYS)
    def get_with_ttl(self, keys: list[str]) -> None:
        """Read some and their lives."""
        found = self.done(self.subject.get_with_ttl(keys))
        assert {key: value for key, (value, _) in found.items()} == self.oracle.get_many(keys)
        for key, (_, left) in found.items():
            told = self.oracle.left(key)
            assert (left is None) == (told is None)
            if left is not None and told is not None:
                assert left <= told + 0.001
                assert not self.fake_time or left >= told - 0.001

    @precondition(lambda self: self.can_scan)
    @rule(prefix=st.sampled_from(["", "a", "a*", "é"]))
    def scan(self, prefix: str) -> None:
        """List those with a prefix."""

        async def listed() -> list[str]:
            return [key async for key in self.subject.scan(prefix)]

        scanned = self.subject.scan(prefix)
        keys: list[str] = self.done(listed()) if hasattr(scanned, "__aiter__") else list(scanned)
        assert set(keys) == {key for key in self.oracle.live() if key.startswith(prefix)}

    @precondition(lambda self: self.can_clear)
    @rule()
    def clear(self) -> None:
        """Forget all."""
        self.done(self.subject.clear())
        self.oracle.clear()

"""Backends that mistake a value or a key."""

from __future__ import annotations

import fnmatch
from typing import Any

from good import Good, Suite

from aicache.options import check_key, check_ttl


class KeepsTheBuffer(Good):
    async def set(self, key: str, value: Any, *, ttl: float | None = None) -> None:
        await super().set(key, value, ttl=ttl)
        self.entries[key] = value, self.entries[key][1]


class TestKeepsTheBuffer(Suite):
    kind = KeepsTheBuffer
    caught_by = "test_the_callers_buffer_is_not_kept"


class TakesEmptyForAMiss(Good):
    async def get(self, key: str) -> bytes | None:
        return await super().get(key) or None


class TestTakesEmptyForAMiss(Suite):
    kind = TakesEmptyForAMiss
    caught_by = "test_a_value_comes_back"


class StoresText(Good):
    async def get(self, key: str) -> bytes | None:
        value = await super().get(key)
        return None if value is None else value.decode(errors="replace").encode()


class TestStoresText(Suite):
    kind = StoresText
    caught_by = "test_a_value_comes_back"


class ReturnsABytearray(Good):
    async def get(self, key: str) -> Any:
        value = await super().get(key)
        return None if value is None else bytearray(value)


class TestReturnsABytearray(Suite):
    kind = ReturnsABytearray
    caught_by = "test_what_get_returns_is_bytes"


class CutsKeys(Good):
    async def get(self, key: str) -> bytes | None:
        return await super().get(key if not isinstance(key, str) else key[:250])

    async def set(self, key: str, value: bytes, *, ttl: float | None = None) -> None:
        await super().set(check_key(key)[:250], value, ttl=ttl)

    async def delete(self, key: str) -> bool:
        return await super().delete(check_key(key)[:250])


class TestCutsKeys(Suite):
    kind = CutsKeys
    caught_by = "test_keys_that_look_alike_are_two"


class StripsKeys(Good):
    async def get(self, key: str) -> bytes | None:
        return await super().get(key.strip() if isinstance(key, str) else key)

    async def set(self, key: str, value: bytes, *, ttl: float | None = None) -> None:
        await super().set(check_key(key).strip(), value, ttl=ttl)


class TestStripsKeys(Suite):
    kind = StripsKeys
    caught_by = "test_keys_that_look_alike_are_two"


class DeletesByPattern(Good):
    async def delete(self, key: str) -> bool:
        await self.get(key)
        gone = fnmatch.filter(self.entries, key)
        return any([await Good.delete(self, name) for name in gone])


class TestDeletesByPattern(Suite):
    kind = DeletesByPattern
    caught_by = "test_keys_that_look_alike_are_two"


class DeletesWithoutAWord(Good):
    async def delete(self, key: str) -> bool:
        await super().delete(key)
        return True


class TestDeletesWithoutAWord(Suite):
    kind = DeletesWithoutAWord
    caught_by = "test_deleting_what_is_not_there_is_false"


class DeletesNothing(Good):
    async def delete(self, key: str) -> bool:
        return await self.get(key) is not None


class TestDeletesNothing(Suite):
    kind = DeletesNothing
    caught_by = "test_delete_removes"


class AddsOnly(Good):
    async def set(self, key: str, value: bytes, *, ttl: float | None = None) -> None:
        if await self.get(key) is None or check_ttl(ttl) is not None or not isinstance(value, bytes):
            await super().set(key, value, ttl=ttl)


class TestAddsOnly(Suite):
    kind = AddsOnly
    caught_by = "test_set_overwrites"


class TakesAnyKey(Good):
    async def get(self, key: Any) -> bytes | None:
        return await super().get(str(key) or "empty")


class TestTakesAnyKey(Suite):
    kind = TakesAnyKey
    caught_by = "test_what_is_no_key_is_refused"


class TakesText(Good):
    async def set(self, key: str, value: Any, *, ttl: float | None = None) -> None:
        await super().set(key, value.encode() if isinstance(value, str) else value, ttl=ttl)


class TestTakesText(Suite):
    kind = TakesText
    caught_by = "test_what_is_no_bytes_is_refused"


class CutsLargeValues(Good):
    async def set(self, key: str, value: bytes, *, ttl: float | None = None) -> None:
        await super().set(key, memoryview(value)[:100_000], ttl=ttl)


class TestCutsLargeValues(Suite):
    kind = CutsLargeValues
    caught_by = "test_a_larger_value_is_refused_or_absent"
    max_value_bytes = 100_000


class WritesElsewhere(Good):
    """Its own verbs agree with each other; only somebody who looks at the store can tell."""

    @property
    def entries(self) -> dict[str, tuple[bytes, float]]:
        return self.stores.setdefault(f"shadow of {self.name}", {})


class TestWritesElsewhere(Suite):
    kind = WritesElsewhere
    caught_by = "test_set_writes_the_store"

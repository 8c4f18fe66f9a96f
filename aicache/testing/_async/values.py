"""What must hold of one value under one key."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Final

import pytest

from aicache.errors import AICacheError
from aicache.testing._async.harness import Harness, check
from aicache.testing._checks import assert_came_back

__all__ = ["ValueChecks"]

VALUES: Final = {
    "empty": b"",
    "one NUL": b"\0",
    "NULs": b"\0" * 9,
    "every byte": bytes(range(256)),
    "not UTF-8": b"\xff\xfe\xc3(",
    "line ends": b"\r\n\r\n",
    "looks like None": b"None",
    "looks like a number": b"007",
    "64 KiB": bytes(range(256)) * 256,
    "1 MiB": bytes(range(256)) * 4096,
}

# Each key with one that a careless store takes for the same.
KEYS: Final = {
    "letter case": ("Key", "key"),
    "composed and not": ("caf\u00e9", "cafe\u0301"),
    "space at the end": ("key ", "key"),
    "space at the start": (" key", "key"),
    "line end": ("key\n", "key"),
    "words": ("two words", "two"),
    "NUL inside": ("key\0a", "key"),
    "leading zero": ("01", "1"),
    "prefix of another": ("key", "key:more"),
    "glob": ("key*", "keys"),
    "one-letter glob": ("ke?", "key"),
    "set of letters": ("k[ea]y", "key"),
    "SQL wildcard": ("k%", "key"),
    "backslash": ("k\\ey", "key"),
    "path": ("../key", "key"),
    "quote": ("'key'", "key"),
    "outside the BMP": ("\U0001f511", "\U0001f512"),
    "10,000 characters": ("k" * 10_000, "k" * 9_999 + "K"),
}


class ValueChecks(Harness):
    """Reading, writing and deleting one entry."""

    @check(stores=False)
    async def test_a_miss_is_none(self, backend: Any) -> None:
        assert await backend.get("missing") is None

    @check()
    @pytest.mark.parametrize("kind", VALUES)
    async def test_a_value_comes_back(self, backend: Any, kind: str) -> None:
        if self.max_value_bytes is None or len(VALUES[kind]) <= self.max_value_bytes:
            await backend.set("key", VALUES[kind])
            assert_came_back(await backend.get("key"), VALUES[kind])

    @check()
    async def test_get_reads_the_store(self, backend: Any) -> None:
        await self.raw_set(backend, "key", b"\0value", None)
        assert await backend.get("key") == b"\0value"

    @check()
    async def test_set_writes_the_store(self, backend: Any) -> None:
        await backend.set("key", b"\0value")
        assert await self.raw_get(backend, "key") == b"\0value"

    @check()
    async def test_set_overwrites(self, backend: Any) -> None:
        await self.raw_set(backend, "key", b"a long first value", None)
        await backend.set("key", b"short")
        assert await self.raw_get(backend, "key") == b"short"

    @check()
    async def test_an_empty_value_overwrites(self, backend: Any) -> None:
        await self.raw_set(backend, "key", b"first", None)
        await backend.set("key", b"")
        assert await backend.get("key") == b""

    @check()
    async def test_what_get_returns_is_bytes(self, backend: Any) -> None:
        await backend.set("key", b"value")
        assert type(await backend.get("key")) is bytes

    @check()
    @pytest.mark.parametrize("kind", [bytearray, memoryview])
    async def test_the_callers_buffer_is_not_kept(self, backend: Any, kind: Any) -> None:
        buffer = bytearray(b"value")
        await backend.set("key", kind(buffer))
        buffer[:] = b"XXXXX"
        found = await backend.get("key")
        assert found == b"value"
        assert type(found) is bytes

    @check()
    @pytest.mark.parametrize("kind", KEYS)
    async def test_keys_that_look_alike_are_two(self, backend: Any, kind: str) -> None:
        key, other = KEYS[kind]
        await backend.set(key, b"of the key")
        assert await backend.get(other) is None
        await backend.set(other, b"of the other")
        assert await backend.get(key) == b"of the key"
        assert await backend.delete(key) is True
        assert await backend.get(other) == b"of the other"

    @check()
    async def test_a_lone_surrogate_is_kept_or_refused(self, backend: Any) -> None:
        try:
            await backend.set("key\ud800", b"value")
        except (AICacheError, ValueError):
            return
        assert await backend.get("key\ud800") == b"value"
        assert await backend.get("key?") is None
        assert await backend.get("key") is None

    @check()
    async def test_delete_removes(self, backend: Any) -> None:
        await self.raw_set(backend, "key", b"value", None)
        await backend.delete("key")
        assert await self.raw_get(backend, "key") is None

    @check()
    async def test_delete_says_whether_it_was_there(self, backend: Any) -> None:
        await self.raw_set(backend, "key", b"", None)
        assert await backend.delete("key") is True
        assert await backend.delete("key") is False

    @check(stores=False)
    async def test_deleting_what_is_not_there_is_false(self, backend: Any) -> None:
        assert await backend.delete("missing") is False

    @check(stores=False)
    @pytest.mark.parametrize("key", [7, b"key", None, ""], ids=["int", "bytes", "None", "empty"])
    @pytest.mark.parametrize("verb", ["get", "set", "delete"])
    async def test_what_is_no_key_is_refused(self, backend: Any, verb: str, key: Any) -> None:
        arguments = (key, b"value") if verb == "set" else (key,)
        with pytest.raises(ValueError if key == "" else TypeError, match="key"):
            await getattr(backend, verb)(*arguments)

    @check(stores=False)
    @pytest.mark.parametrize("value", ["text", None], ids=["str", "None"])
    async def test_what_is_no_bytes_is_refused(self, backend: Any, value: Any) -> None:
        await backend.set("key", b"before")
        with pytest.raises(TypeError):
            await backend.set("key", value)
        assert await backend.get("key") == (b"before" if self.stores else None)

    @check(when=lambda suite: suite.max_value_bytes is not None)
    async def test_a_value_of_the_largest_size_is_kept(self, backend: Any) -> None:
        value = b"x" * (self.max_value_bytes or 0)
        await backend.set("key", value)
        assert_came_back(await backend.get("key"), value)

    @check(when=lambda suite: suite.max_value_bytes is not None)
    async def test_a_larger_value_is_refused_or_absent(self, backend: Any) -> None:
        with suppress(AICacheError, ValueError):
            await backend.set("key", b"x" * ((self.max_value_bytes or 0) + 1))
        assert await backend.get("key") is None

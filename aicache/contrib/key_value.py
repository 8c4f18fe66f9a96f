"""A store for py-key-value, and so for FastMCP's response caching: `KeyValueStore(cache)`.

Needs the extra `key-value`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256
from math import isnan
from typing import Any, Final, SupportsFloat, cast

from aicache._async.tiered import TieredCache
from aicache._kernel.canonical import canonical
from aicache.ai.escaping import named
from aicache.errors import MissingExtraError
from aicache.errors import SerializationError as NotExactError

try:
    from key_value.aio.errors import InvalidTTLError, SerializationError
except ImportError as error:
    raise MissingExtraError("key_value needs py-key-value-aio: pip install 'aicache[key-value]'") from error

__all__ = ["KeyValueStore"]

_VERSION: Final = "1-"
_DEFAULT: Final = "default_collection"


class KeyValueStore:
    """py-key-value's `AsyncKeyValue` over a `TieredCache`, which stays its owner's.

    `namespace`: what all keys begin with.

    Values are mappings, and each hit gets a dict of its own. It is a cache: an entry may be gone before its ttl is
    over, and a write to a tier that is away is not an error unless the tier has `on_error="raise"`. Raises
    py-key-value's own `InvalidTTLError` and `SerializationError`.
    """

    def __init__(self, cache: TieredCache, *, namespace: str = "key_value") -> None:
        self._cache = cache
        self._prefix = f"{named(namespace, 64)}:"

    async def get(self, key: str, *, collection: str | None = None) -> dict[str, Any] | None:
        """The value, or None."""
        return _value(await self._cache.get(self._key(key, collection)))

    async def ttl(self, key: str, *, collection: str | None = None) -> tuple[dict[str, Any] | None, float | None]:
        """The value and the seconds it has left (None: no expiry); (None, None): there is none."""
        found = await self._cache.lookup(self._key(key, collection))
        value = _value(found.value)
        return value, None if value is None else found.ttl_left

    async def put(
        self, key: str, value: Mapping[str, Any], *, collection: str | None = None, ttl: SupportsFloat | None = None
    ) -> None:
        """Keep the value for `ttl` seconds; None: no expiry."""
        await self.put_many([key], [value], collection=collection, ttl=ttl)

    async def delete(self, key: str, *, collection: str | None = None) -> bool:
        """Forget it; say whether it was there."""
        return await self._cache.delete(self._key(key, collection))

    async def get_many(self, keys: Sequence[str], *, collection: str | None = None) -> list[dict[str, Any] | None]:
        """The values in the order asked, None for each that is missing; one look-up."""
        names = [self._key(key, collection) for key in keys]
        found = await self._cache.get_many(names)
        fresh = set(found)  # a key that is asked for twice gets two dicts
        values: list[dict[str, Any] | None] = []
        for name in names:
            if name in found and name not in fresh:
                values.append(_value(await self._cache.get(name)))
            else:
                fresh.discard(name)
                values.append(_value(found.get(name)))
        return values

    async def ttl_many(
        self, keys: Sequence[str], *, collection: str | None = None
    ) -> list[tuple[dict[str, Any] | None, float | None]]:
        """The values with the seconds they have left, in the order asked."""
        return [await self.ttl(key, collection=collection) for key in keys]

    async def put_many(
        self,
        keys: Sequence[str],
        values: Sequence[Mapping[str, Any]],
        *,
        collection: str | None = None,
        ttl: SupportsFloat | None = None,
    ) -> None:
        """Keep many values, all of them or none; raises `ValueError` where there is not one for each key."""
        if len(keys) != len(values):
            raise ValueError(f"put_many needs one value for each key, got {len(keys)} keys and {len(values)} values")
        seconds = _seconds(ttl)
        kept = {self._key(key, collection): _mapping(value) for key, value in zip(keys, values, strict=True)}
        try:
            await self._cache.set_many(kept, ttl=seconds)
        except NotExactError as reason:
            raise SerializationError(str(reason)) from reason

    async def delete_many(self, keys: Sequence[str], *, collection: str | None = None) -> int:
        """Forget many; returns how many there were."""
        return await self._cache.delete_many([self._key(key, collection) for key in keys])

    async def destroy_collection(self, collection: str) -> bool:
        """Forget all of one collection; say whether there was anything."""
        return bool(await self._cache.delete_prefix(self._collection(collection)))

    async def destroy(self) -> bool:
        """Forget all of this namespace; say whether there was anything."""
        return bool(await self._cache.delete_prefix(self._prefix))

    def _key(self, key: str, collection: str | None) -> str:
        digest = sha256(canonical((_VERSION, collection, key), "key")).hexdigest()
        return f"{self._collection(collection)}{_VERSION}{digest}"

    def _collection(self, collection: str | None) -> str:
        return f"{self._prefix}{named(_DEFAULT if collection is None else collection, 64)}|"


def _value(kept: object) -> dict[str, Any] | None:
    return cast("dict[str, Any]", kept) if isinstance(kept, dict) else None


def _mapping(value: object) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise SerializationError(f"a value must be a mapping, got {value!r}")
    return dict(cast("Mapping[str, Any]", value))


def _seconds(ttl: SupportsFloat | None) -> float | None:
    if ttl is None:
        return None
    if isinstance(ttl, bool | str):
        raise InvalidTTLError(ttl=ttl)
    try:
        seconds = float(ttl)
    except (TypeError, ValueError) as reason:
        raise InvalidTTLError(ttl=ttl) from reason
    if isnan(seconds) or seconds <= 0:
        raise InvalidTTLError(ttl=ttl)
    return seconds

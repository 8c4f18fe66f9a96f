"""`EmbeddingCache`: vectors of texts by embedder, in batches that cannot be mistaken for one another."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from hashlib import sha256
from types import TracebackType
from typing import Any, Final, Self, TypeVar, cast, overload

from aicache._async.primitives import call
from aicache._async.tiered import TieredCache
from aicache._kernel.canonical import canonical
from aicache.ai.escaping import checked_namespace, named, scoped_namespace
from aicache.ai.settings import checked_count
from aicache.ai.vectors import (
    LIST,
    ROWS,
    Indexed,
    Lists,
    Packing,
    check_packing,
    packed_vectors,
    size_of,
    unpacked_array,
)
from aicache.errors import ConfigurationError, InvalidArgumentError, InvalidTypeError
from aicache.options import UNSET, Ttl, check_ttl

__all__ = ["EmbeddingCache"]

V = TypeVar("V")

_VERSION: Final = "1-"


class EmbeddingCache:
    """Keeps vectors of texts, one entry for each text and embedder.

    `cache`: a `TieredCache`, which stays its owner's, or backends or tiers in order, which are closed with this.
    `model`, `provider`, `revision`, `dimensions`, `task`: the embedder; all of it is in the keys. `task`: as in
    "query" and "document", where the embedder tells these apart. `dimensions`: of its vectors, checked; None: they only
    have to be alike.
    `batch_size`: how many texts the provider takes in one call; None: any number.
    `packing`: how numbers are kept; "float32" rounds to about seven digits and is what most embedders compute with,
    "float16" to about three, "float64" keeps Python's floats exactly.
    `ttl`: seconds; None: no expiry; left out: the policy's of the cache.
    `scope`: the tenant whose vectors these are. `namespace`: what all keys begin with.
    """

    def __init__(
        self,
        cache: TieredCache | Sequence[Any],
        *,
        model: str,
        provider: str | None = None,
        revision: str | None = None,
        dimensions: int | None = None,
        task: str | None = None,
        batch_size: int | None = None,
        packing: Packing = "float32",
        ttl: Ttl = UNSET,
        scope: str | None = None,
        namespace: str = "embeddings",
    ) -> None:
        if not model or not isinstance(cast(object, model), str):
            raise ConfigurationError(f"model must be the embedder's name, got {model!r}")
        checked_namespace(namespace)
        if scope is not None and (not isinstance(cast(object, scope), str) or not scope):
            raise ConfigurationError(f"scope must be a text that is not empty, or None for no scope, got {scope!r}")
        for name, count in (("batch_size", batch_size), ("dimensions", dimensions)):
            if count is not None and not checked_count(count, name):
                raise ConfigurationError(f"{name} must be at least 1, got {count!r}; leave it out where any will do")
        self._packing: Packing = check_packing(packing)
        self._lists = Lists()
        self._ttl = UNSET if ttl is UNSET else check_ttl(ttl)
        self._batch_size = batch_size
        self._length = dimensions
        self._owns = not isinstance(cache, TieredCache)
        self._cache = cache if isinstance(cache, TieredCache) else TieredCache(_tiers(cache))
        embedder = (_VERSION, scope, provider, model, revision, dimensions, task, packing)
        self._fingerprint = sha256(canonical(embedder, "embedder"))
        self._prefix = f"{scoped_namespace(namespace, scope)}emb:{named(model, 64)}|"
        self._key_start = self._prefix + _VERSION

    # async-only: begin
    @overload
    async def get_or_embed(
        self, texts: Iterable[str], embed: Callable[[list[str]], Awaitable[Sequence[Indexed]]]
    ) -> list[list[float]]: ...
    @overload
    async def get_or_embed(self, texts: Iterable[str], embed: Callable[[list[str]], Awaitable[V]]) -> V: ...
    # async-only: end
    @overload
    async def get_or_embed(
        self, texts: Iterable[str], embed: Callable[[list[str]], Sequence[Indexed]]
    ) -> list[list[float]]: ...
    @overload
    async def get_or_embed(self, texts: Iterable[str], embed: Callable[[list[str]], V]) -> V: ...
    async def get_or_embed(self, texts: Iterable[str], embed: Callable[[list[str]], Any]) -> Any:
        """The vectors of `texts`, by position, in the form in which `embed` returns them.

        `embed`: gets a list of different texts, `batch_size` at most, and returns one vector for each of them, in
        order: a list of lists, a list of arrays, or an array of two dimensions; or in any order items that have an
        `index` and an `embedding`, as OpenAI's `response.data`, and then lists come back. It is called for what is
        missing only, and not for what another call is having embedded, which is waited for. Vectors are the caller's
        own, and rounded to the packing, the first time too. Texts are taken as they are: a space more is another text.

        What `embed` raises reaches the caller; what came before it in other batches is kept. Raises
        `InvalidArgumentError` or `InvalidTypeError`, and keeps nothing of the batch, where the answer cannot be right:
        another number of vectors than of texts, other dimensions, or numbers that are not finite. No text: an empty
        list.
        """
        if isinstance(texts, str):
            raise InvalidTypeError(f"texts must be several texts, got the one text {texts!r}; put it into a list")
        given = list(texts)
        keys = [self._key(text) for text in given]
        if not keys:
            return []
        wanted = dict(zip(keys, given, strict=True))
        batches = _Batches(wanted, embed, self._batch_size, self._packing, self._length)
        found: dict[str, bytes] = {}
        while len(found) < len(wanted):  # again only for what another call had in hand and lost
            missing = [key for key in wanted if key not in found]
            found |= await self._cache.get_or_set_many(missing, batches.load, ttl=self._ttl)
            if batches.failed is not None:
                raise batches.failed
        sizes = {size_of(packed, self._packing) for packed in found.values()}
        if None in sizes:
            sizes = await self._mend(found, batches)
        if len(sizes) > 1:
            raise _of_another_length(sizes)
        (self._length,) = sizes
        vectors, length = [found[key] for key in keys], self._length or 0
        if (batches.kind or vectors[0][:1]) == LIST:
            return self._lists.unpacked(vectors, length, self._packing)
        as_rows = (batches.kind or vectors[0][:1]) == ROWS
        return unpacked_array(vectors, length, self._packing, as_rows=as_rows)

    async def _mend(self, found: dict[str, bytes], batches: _Batches) -> set[int | None]:
        """Embed again what is kept under a key of ours and is no vector; returns the lengths that there are then."""
        foreign = [key for key, packed in found.items() if size_of(packed, self._packing) is None]
        mended = await batches.load(foreign)
        if batches.failed is not None:
            raise batches.failed
        await self._cache.set_many(mended, ttl=self._ttl)
        found |= mended
        return {size_of(packed, self._packing) for packed in found.values()}

    async def invalidate(self, texts: Iterable[str]) -> int:
        """Forget the vectors of these texts; returns how many there were."""
        return await self._cache.delete_many([self._key(text) for text in texts])

    async def invalidate_model(self) -> int:
        """Forget every vector of this model in this namespace and scope, of whatever revision, dimensions or task.

        Returns how many there were. Raises `UnsupportedError` where a tier cannot list its keys.
        """
        return await self._cache.delete_prefix(self._prefix)

    async def aclose(self) -> None:
        """Close the cache, unless it was passed in; may be called twice."""
        if self._owns:
            await self._cache.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    # -- parts

    def _key(self, text: str) -> str:
        """One key for each text: the digest goes over the embedder, whose encoding ends where the text begins."""
        digest = self._fingerprint.copy()
        try:
            digest.update(text.encode())
        except UnicodeEncodeError:
            digest.update(text.encode("utf-8", "surrogatepass"))
        except AttributeError:
            raise InvalidTypeError(f"each of texts must be a str, got {text!r}") from None
        return self._key_start + digest.hexdigest()


class _Batches:
    """The calls of an embedder that one `get_or_embed` makes, and the form in which it answers."""

    def __init__(
        self,
        texts: dict[str, str],
        embed: Callable[[list[str]], Any],
        size: int | None,
        packing: Packing,
        length: int | None,
    ) -> None:
        self._texts = texts
        self._embed = embed
        self._size = size
        self._packing: Packing = packing
        self._length = length
        self.kind: bytes | None = None
        self.failed: Exception | None = None

    async def load(self, missing: list[str]) -> dict[str, bytes]:
        """The vectors of the missing keys, in batches. One that fails after others leaves these."""
        size = self._size or len(missing)
        loaded: dict[str, bytes] = {}
        for start in range(0, len(missing), size):
            keys = missing[start : start + size]
            try:
                vectors = await self._vectors([self._texts[key] for key in keys])
            except Exception as error:
                if not loaded:
                    raise
                self.failed = error
                break
            loaded |= zip(keys, vectors, strict=True)
        return loaded

    async def _vectors(self, texts: list[str]) -> list[bytes]:
        vectors = packed_vectors(await call(self._embed, texts), len(texts), self._packing)
        length = cast("int", size_of(vectors[0], self._packing))
        if self._length not in (None, length):
            raise _of_another_length({self._length, length})
        self._length = length
        self.kind = vectors[0][:1]
        return vectors


def _of_another_length(lengths: Iterable[int | None]) -> InvalidArgumentError:
    said = " and ".join(map(str, sorted(length for length in lengths if length is not None)))
    return InvalidArgumentError(
        f"vectors of one embedder must have one length, got {said}; say dimensions= as the embedder has them, or give "
        "one that has changed a revision= of its own"
    )


def _tiers(cache: object) -> list[Any]:
    if not isinstance(cache, Sequence) or isinstance(cache, str):
        raise ConfigurationError(f"cache must be a TieredCache of this flavour or a list of tiers, got {cache!r}")
    return [*cache]

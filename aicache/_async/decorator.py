"""The decorator behind `TieredCache.cached`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable  # async-only

# sync: from collections.abc import Callable
from functools import partial, wraps
from typing import Any, ParamSpec, Protocol, TypeVar, cast, overload  # async-only

# sync: from typing import Any, ParamSpec, Protocol, TypeVar, cast
from aicache._async.primitives import check_function
from aicache._kernel.arguments import namer
from aicache._kernel.counters import TierCounters
from aicache._kernel.names import Names
from aicache.options import Ttl

__all__ = ["CachedFunction", "Decorator", "decorate"]

P = ParamSpec("P")
T = TypeVar("T")
R_co = TypeVar("R_co", covariant=True)


class Cache(Protocol):
    """What the decorator needs of a cache."""

    async def get_or_set(self, key: str, factory: Callable[[], Any], *, ttl: Ttl) -> Any: ...

    async def delete(self, key: str) -> bool: ...


class CachedFunction(Protocol[P, R_co]):
    """A function whose answers are kept."""

    async def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co:
        """The kept answer, or the function's own."""
        ...

    def key(self, *args: P.args, **kwargs: P.kwargs) -> str:
        """The key under which the answer for these arguments is kept."""
        ...

    async def invalidate(self, *args: P.args, **kwargs: P.kwargs) -> bool:
        """Forget the answer for these arguments; say whether there was one."""
        ...


class Decorator(Protocol):
    """What `cached` returns: it keeps the parameters of the function and the type of its answer."""

    @overload  # async-only
    def __call__(self, function: Callable[P, Awaitable[T]], /) -> CachedFunction[P, T]: ...  # async-only
    @overload  # async-only
    def __call__(self, function: Callable[P, T], /) -> CachedFunction[P, T]: ...


def decorate(
    cache: Cache,
    entry_of: Callable[[str], Any],
    clock: Callable[[], float],
    front: TierCounters,
    key: Callable[..., str] | None,
    ttl: Ttl,
    function: Callable[..., Any],
) -> CachedFunction[..., Any]:
    """`function` with its answers kept in `cache`. `entry_of`, `clock`, `front`: of its first tier (see `Front`)."""
    check_function(function)
    name = namer(function) if key is None else key
    names = Names(name, remembers=key is None)
    of, texts = names.of, names.texts

    @wraps(function)
    async def answer(*args: Any, **kwargs: Any) -> Any:
        called = texts.get(args[0]) if len(args) == 1 and type(args[0]) is str and not kwargs else None
        if called is None:
            called = of(args, kwargs)
        try:
            entry = entry_of(called)
        except TypeError:  # a key that is none, and is refused below
            entry = None
        if entry is not None and (entry.expires is None or clock() < entry.expires):
            if entry.hits < 7:
                entry.hits += 1
            front.hits += 1
            thaw = entry.thaw
            return entry.value if thaw is None else thaw(entry.value)
        return await cache.get_or_set(called, partial(function, *args, **kwargs), ttl=ttl)

    async def invalidate(*args: Any, **kwargs: Any) -> bool:
        return await cache.delete(name(*args, **kwargs))

    kept = cast("CachedFunction[..., Any]", answer)
    kept.key = name  # type: ignore[method-assign]
    kept.invalidate = invalidate  # type: ignore[method-assign]
    return kept

"""The decorator behind `TieredCache.cached`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, wraps
from typing import Any, ParamSpec, Protocol, TypeVar, cast

from aicache._async.primitives import check_function
from aicache._kernel.arguments import namer
from aicache.options import Ttl

__all__ = ["CachedFunction", "decorate"]

P = ParamSpec("P")
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


def decorate(
    cache: Cache,
    key: Callable[..., str] | None,
    ttl: Ttl,
    function: Callable[..., Any],
) -> CachedFunction[..., Any]:
    """`function` with its answers kept in `cache`."""
    check_function(function)
    name = namer(function) if key is None else key

    @wraps(function)
    async def answer(*args: Any, **kwargs: Any) -> Any:
        return await cache.get_or_set(name(*args, **kwargs), partial(function, *args, **kwargs), ttl=ttl)

    async def invalidate(*args: Any, **kwargs: Any) -> bool:
        return await cache.delete(name(*args, **kwargs))

    kept = cast("CachedFunction[..., Any]", answer)
    kept.key = name  # type: ignore[method-assign]
    kept.invalidate = invalidate  # type: ignore[method-assign]
    return kept

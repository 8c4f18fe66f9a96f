"""The decorator behind `TieredCache.cached`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable  # async-only

# sync: from collections.abc import Callable
from functools import partial, wraps
from typing import Any, ParamSpec, Protocol, TypeVar, cast, overload  # async-only

# sync: from typing import Any, ParamSpec, Protocol, TypeVar, cast
from aicache._async.front import Front
from aicache._async.primitives import check_function
from aicache._kernel.names import Names
from aicache._kernel.parameters import only_parameter, take_parameter
from aicache.options import Ttl

__all__ = ["CachedFunction", "Decorator", "decorate"]

P = ParamSpec("P")
T = TypeVar("T")
R_co = TypeVar("R_co", covariant=True)


class Cache(Protocol):
    """What the decorator needs of a cache."""

    async def get_or_set(self, key: str, factory: Callable[[], Any], *, ttl: Ttl, tags: tuple[str, ...]) -> Any: ...

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
    front: Front,
    key: Callable[..., str] | None,
    ttl: Ttl,
    tags: tuple[str, ...],
    function: Callable[..., Any],
) -> CachedFunction[..., Any]:
    """`function` with its answers kept in `cache`, whose first tier is looked into by `front`."""
    check_function(function)
    name = key
    if name is None:
        from aicache._kernel.arguments import namer  # it knows of each type that an argument may have

        name = namer(function)
    of_one = only_parameter(function) if key is None else None
    names = Names(name, remembers=key is None)
    if of_one is None:
        answer = _of_any(cache, front, ttl, tags, function, names)
    else:
        answer = _of_one(cache, front, ttl, tags, function, names)
        take_parameter(answer, of_one)

    async def invalidate(*args: Any, **kwargs: Any) -> bool:
        return await cache.delete(name(*args, **kwargs))

    kept = cast("CachedFunction[..., Any]", wraps(function)(answer))
    kept.key = name  # type: ignore[method-assign]
    kept.invalidate = invalidate  # type: ignore[method-assign]
    return kept


def _of_any(
    cache: Cache, front: Front, ttl: Ttl, tags: tuple[str, ...], function: Callable[..., Any], names: Names
) -> Callable[..., Any]:
    look, hits, thaws, _, clock, counters = front
    of, texts = names.of, names.texts

    async def answer(*args: Any, **kwargs: Any) -> Any:
        called = texts.get(args[0]) if not kwargs and len(args) == 1 and type(args[0]) is str else None
        if called is None:
            called = of(args, kwargs)
        try:
            kept = look(called)
        except TypeError:  # a key that is none, and is refused below
            kept = None
        if kept is not None:
            value, form, expires, place, _ = kept
            if expires is None or clock() < expires:
                if hits[place] < 7:
                    hits[place] += 1
                counters.hits += 1
                return thaws[form](value) if form else value
        return await cache.get_or_set(called, partial(function, *args, **kwargs), ttl=ttl, tags=tags)

    return answer


def _of_one(
    cache: Cache, front: Front, ttl: Ttl, tags: tuple[str, ...], function: Callable[..., Any], names: Names
) -> Callable[..., Any]:
    """The same of a function with one parameter: no tuple and no dict of arguments is made for a call."""
    look, hits, thaws, _, clock, counters = front
    of, texts = names.of, names.texts

    async def answer(argument: Any) -> Any:
        called = texts.get(argument) if type(argument) is str else None
        if called is None:
            called = of((argument,), {})
        kept = look(called)
        if kept is not None:
            value, form, expires, place, _ = kept
            if expires is None or clock() < expires:
                if hits[place] < 7:
                    hits[place] += 1
                counters.hits += 1
                return thaws[form](value) if form else value
        return await cache.get_or_set(called, partial(function, argument), ttl=ttl, tags=tags)

    return answer

"""Keys are the same for the same request and differ for different ones; answers come back exactly, and are forgotten
exactly. Judged without the library's own encoding.
"""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from aicache import CacheKeyGenerator, SyncAIResponseCache
from aicache.options import check_key, check_ttl, check_value
from aicache.testing.payloads import payloads, same

KEYS = CacheKeyGenerator()

TEXTS = st.text(st.characters() | st.characters(categories=["Cs"]), max_size=20)
ATOMS = st.none() | st.booleans() | st.integers(-2, 2) | st.integers() | st.floats() | TEXTS | st.binary(max_size=5)
VALUES = st.recursive(
    ATOMS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.lists(inner, max_size=3).map(tuple) | st.dictionaries(TEXTS, inner, max_size=3)
    ),
    max_leaves=6,
)
OPTIONS = st.none() | st.dictionaries(TEXTS, VALUES, max_size=4)
# Short enough to be shown whole in a key, however they are escaped.
OPERATIONS = st.sampled_from(["summarize", "qa", "qa|b"]) | TEXTS.map(lambda text: text[:7]).filter(bool)
REQUESTS = st.tuples(TEXTS, OPERATIONS, OPTIONS, st.none() | TEXTS)


def is_same_request(one: Any, other: Any) -> bool:
    """Whether two requests ask the same: the order of dicts does not count, and no options are empty options."""
    return same(sorted_all((*one[:2], one[2] or {}, one[3])), sorted_all((*other[:2], other[2] or {}, other[3])))


def sorted_all(value: Any) -> Any:
    if isinstance(value, dict):
        pairs = sorted(value.items(), key=lambda pair: [ord(char) for char in pair[0]])
        return {name: sorted_all(item) for name, item in pairs}
    if isinstance(value, list | tuple):
        return type(value)(map(sorted_all, value))
    return value


def shuffled(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: shuffled(value[name]) for name in reversed(value)}
    return type(value)(map(shuffled, value)) if isinstance(value, list | tuple) else value


@st.composite
def neighbours(draw: st.DrawFn) -> tuple[Any, Any]:
    """A request, and one that differs from it in at most one small thing."""
    request = draw(REQUESTS)
    part = draw(st.integers(0, 3))
    changed = list(copy.deepcopy(request))
    if part == 2:
        options = dict(changed[2] or {})
        if options and draw(st.booleans()):
            name = draw(st.sampled_from(sorted(options, key=ascii)))
            options[name] = draw(st.just([options[name]]) | st.just(str(options[name])) | VALUES)
        else:
            options[draw(TEXTS)] = draw(VALUES)
        changed[2] = options
    else:
        changed[part] = draw([TEXTS, OPERATIONS, OPTIONS, st.none() | TEXTS][part])
    return request, tuple(changed)


@given(requests=st.tuples(REQUESTS, REQUESTS) | neighbours())
def test_two_requests_share_a_key_only_where_they_are_the_same(requests):
    injective(requests)


@pytest.mark.nightly
@pytest.mark.timeout(900)
@settings(max_examples=25_000)
@given(requests=st.tuples(REQUESTS, REQUESTS) | neighbours())
def test_twenty_five_thousand_pairs_of_requests(requests):
    injective(requests)


def injective(requests):
    one, other = requests
    first, second = KEYS.generate_cache_key(*one), KEYS.generate_cache_key(*other)
    assert (first == second) == is_same_request(one, other)
    assert (KEYS.explain(one, other) is None) == (first == second)
    assert len(first.encode("ascii")) <= 300


@given(request=REQUESTS, scope=TEXTS.filter(bool))
def test_the_same_request_has_the_same_key(request, scope):
    text, operation, options, question = request
    assert KEYS.generate_cache_key(*request) == CacheKeyGenerator().generate_cache_key(
        text, operation, shuffled(options), question
    )
    scoped = KEYS.scoped(scope).generate_cache_key(*request)
    assert scoped != KEYS.generate_cache_key(*request)
    assert scoped.startswith("ai_cache:[")


class Shelf:
    """The smallest byte store with a scan."""

    def __init__(self) -> None:
        self.entries: dict[str, bytes] = {}

    def get(self, key: str) -> bytes | None:
        return self.entries.get(check_key(key))

    def set(self, key: str, value: bytes, *, ttl: float | None = None) -> None:
        check_ttl(ttl)
        self.entries[check_key(key)] = check_value(value)

    def delete(self, key: str) -> bool:
        return self.entries.pop(check_key(key), None) is not None

    def scan(self, prefix: str = ""):
        yield from [key for key in self.entries if key.startswith(prefix)]

    def close(self) -> None:
        pass


@given(request=REQUESTS, response=payloads(max_leaves=8))
def test_an_answer_comes_back_exactly(request, response):
    text, operation, options, question = request
    for cache in (SyncAIResponseCache(None), SyncAIResponseCache(tiers=[Shelf()], compression_threshold=0)):
        with cache:
            cache.cache_response(text, operation, options, response, question)
            found = cache.lookup(text, operation, shuffled(options), question)
            assert same(found.response, response)
            merged = list(cache.get_cached_response(text, operation, options, question).items())
            assert same(merged[:-4], list(response.items()) if isinstance(response, dict) else [("response", response)])


@given(
    asked=st.lists(st.tuples(TEXTS, OPERATIONS), min_size=1, max_size=12, unique=True),
    chosen=st.integers(0, 11),
    patterns=TEXTS,
)
def test_forgetting_an_operation_takes_its_answers_and_no_others(asked, chosen, patterns):
    operation = asked[chosen % len(asked)][1]
    shelf = Shelf()
    with SyncAIResponseCache(tiers=[shelf]) as cache:
        for text, its_operation in asked:
            cache.cache_response(text, its_operation, {}, {"for": its_operation})
        wanted = [one for one in asked if one[1] == operation]
        assert cache.invalidate_by_operation(operation) == len(wanted)
        for one in asked:
            assert (cache.lookup(*one, {}) is None) == (one in wanted)
        assume(patterns)
        left = [one for one in asked if one not in wanted]
        gone = cache.invalidate_pattern(patterns)
        assert gone == sum(patterns in f"op:{its_operation}" for _, its_operation in left)

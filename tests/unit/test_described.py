"""`describe` says every field of a policy and of a tier's options in words, and only what will happen."""

from __future__ import annotations

from dataclasses import fields

import pytest

from aicache import Policy, SyncTieredCache, Tier, TieredCache
from aicache._kernel.described import options_in_words, policy_in_words
from aicache.errors import ConfigurationError
from aicache_memory import MemoryBackend, SyncMemoryBackend
from aicache_null import NullBackend


def wanted(value):
    return value is not None


SAID = {
    "ttl": ({"ttl": 60}, "values are fresh for 60 s"),
    "jitter": ({"ttl": 60, "jitter": 0.1}, "each for up to 10% less (jitter)"),
    "refresh_ahead": ({"ttl": 60, "refresh_ahead": 0.8}, "after 48 s of 60 a hit has a new one made in the background"),
    "stale_while_revalidate": (
        {"ttl": 60, "stale_while_revalidate": 30},
        "for 30 s more they are served stale at once, while one load makes a new one",
    ),
    "stale_if_error": (
        {"ttl": 60, "stale_if_error": 600},
        "up to 600 s past their ttl they are served stale where the load",
    ),
    "throttle": ({"ttl": 60, "stale_if_error": 600, "throttle": 7}, "after a failed load the next waits 7 s"),
    "soft_timeout": ({"ttl": 60, "stale_if_error": 600, "soft_timeout": 2}, "or takes more than 2 s and goes on"),
    "hard_timeout": ({"hard_timeout": 9}, "a load is given up after 9 s"),
    "negative_ttl": ({"negative_ttl": 5}, "None is kept for 5 s"),
    "store_if": ({"store_if": wanted}, "only values for which wanted is true are stored"),
    "tags": ({"tags": ("all", "mine")}, "every value has the tags all, mine"),
    "lease": ({"lease": 3}, "one that dies while it loads costs them 3 s"),
    "abandoned": ({"abandoned": "complete"}, "a load that nobody waits for is completed and stored"),
}


@pytest.mark.parametrize("field", [field.name for field in fields(Policy)])
def test_each_field_of_a_policy_is_said_where_it_acts(field):
    given, words = SAID[field]
    assert words in TieredCache([MemoryBackend()], policy=Policy(**given)).describe()
    if field != "abandoned":
        assert words not in TieredCache([MemoryBackend()]).describe()


def test_what_differs_between_the_flavours_is_said():
    policy = Policy(hard_timeout=9)
    said = SyncTieredCache([SyncMemoryBackend()], policy=policy).describe()
    assert "callers leave a load after 9 s, and it goes on" in said
    assert "a load that nobody waits for is completed and stored" in said
    assert "a load that nobody waits for is cancelled" in TieredCache([MemoryBackend()]).describe()
    assert policy_in_words(Policy(), can_cancel=True)[0] == "values never expire by themselves"
    assert "None is not stored" in policy_in_words(Policy(negative_ttl=0), can_cancel=True)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, ""),
        ({"read": False}, ", never read"),
        ({"write": False}, ", never written, only cleaned"),
        ({"promote": False}, ", takes no copies of what lower tiers have"),
        ({"max_ttl": 60}, ", keeps a value 60 s at most, its time to be stale included"),
        ({"min_bytes": 1000}, ", takes values from 1,000 bytes up"),
        ({"max_bytes": 2000}, ", takes values of 0 to 2,000 bytes"),
        ({"unheard": "serve"}, ", goes on with what it has while it cannot hear what other processes change"),
    ],
)
def test_each_option_of_a_tier_is_said(options, words):
    assert options_in_words(Tier(backend=NullBackend(), **options)) == words


def test_a_tier_that_cannot_keep_the_stale_is_said_or_refused():
    policy = Policy(ttl=60, stale_if_error=600)
    for max_ttl in (60, 659):
        with pytest.raises(ConfigurationError, match=f"no tier keeps one longer than max_ttl={max_ttl} s"):
            TieredCache([Tier(backend=MemoryBackend(), max_ttl=max_ttl)], policy=policy)
    TieredCache([Tier(backend=MemoryBackend(), max_ttl=60), NullBackend()], policy=policy)
    TieredCache([Tier(backend=MemoryBackend(), max_ttl=660)], policy=policy)

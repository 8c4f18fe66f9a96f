"""What options are let in, and what each refused one is told: argument, value, cure."""

from __future__ import annotations

import dataclasses
import pickle
import re
from math import inf, nan
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aicache.errors import AICacheError, ConfigurationError, InvalidArgumentError, InvalidTypeError
from aicache.options import UNSET, Policy, Tier, Unset, check_key, check_ttl

BACKEND = object()


def refused(error: type[Exception], message: str) -> Any:
    return pytest.raises(error, match=f"^{re.escape(message)}")


class TestKeys:
    @given(st.text(min_size=1))
    def test_any_text_is_a_key(self, key: str) -> None:
        assert check_key(key) is key

    @pytest.mark.parametrize("key", [None, 1, b"key", ["key"], True])
    def test_nothing_else_is(self, key: object) -> None:
        with refused(InvalidTypeError, f"key must be a str, got {key!r}; build one with str() or an f-string"):
            check_key(key)

    def test_the_empty_text_is_not(self) -> None:
        with refused(InvalidArgumentError, "key must not be empty, got ''; give each value a name of its own"):
            check_key("")


class TestTTL:
    @given(st.floats(min_value=0, exclude_min=True, allow_infinity=False) | st.integers(1, 2**53))
    def test_a_number_above_zero_is_itself_as_a_float(self, ttl: float) -> None:
        checked = check_ttl(ttl)
        assert type(checked) is float
        assert checked == ttl

    @pytest.mark.parametrize("ttl", [None, inf])
    def test_none_and_infinity_are_no_expiry(self, ttl: float | None) -> None:
        assert check_ttl(ttl) is None

    @given(st.floats(max_value=0) | st.just(nan) | st.integers(max_value=0))
    def test_what_is_not_above_zero_is_refused(self, ttl: float) -> None:
        with refused(InvalidArgumentError, f"ttl must be more than 0 seconds, got {ttl!r}; pass None for no expiry"):
            check_ttl(ttl)

    @pytest.mark.parametrize("ttl", ["60", True, False, b"1", [1], 1j, UNSET])
    def test_what_is_no_number_is_refused(self, ttl: object) -> None:
        message = f"max_ttl must be seconds as an int or a float, or None for no expiry, got {ttl!r}"
        with refused(InvalidTypeError, message):
            check_ttl(ttl, "max_ttl")


class TestPolicy:
    def test_by_default_nothing_expires(self) -> None:
        policy = Policy()
        assert (policy.ttl, policy.jitter, policy.refresh_ahead, policy.stale_for) == (None, 0.0, None, 0.0)
        assert (policy.soft_timeout, policy.hard_timeout, policy.negative_ttl, policy.store_if) == (None,) * 4

    @pytest.mark.parametrize(
        ("said", "kind", "complaint"),
        [
            ({"refresh_ahead": 0.8}, ConfigurationError, "refresh_ahead is a fraction of the ttl and there is no ttl"),
            ({"ttl": 9, "refresh_ahead": 0}, InvalidArgumentError, "refresh_ahead is 0"),
            ({"ttl": 9, "refresh_ahead": 1}, InvalidArgumentError, "refresh_ahead must be at least 0 and below 1"),
            ({"stale_if_error": 60}, ConfigurationError, "a value without a ttl is never stale"),
            ({"stale_while_revalidate": 60}, ConfigurationError, "a value without a ttl is never stale"),
            ({"ttl": 9, "stale_if_error": -1}, InvalidArgumentError, "stale_if_error must be more than 0"),
            ({"ttl": 9, "stale_if_error": None}, InvalidArgumentError, "stale_if_error must be seconds from 0 up"),
            ({"ttl": 9, "stale_if_error": inf}, InvalidArgumentError, "stale_if_error must be seconds from 0 up"),
            ({"ttl": 9, "stale_if_error": "1"}, InvalidTypeError, "stale_if_error must be seconds"),
            ({"soft_timeout": 1}, ConfigurationError, "soft_timeout has no stale value to serve"),
            (
                {"ttl": 9, "stale_if_error": 9, "soft_timeout": 2, "hard_timeout": 2},
                ConfigurationError,
                "soft_timeout (2 s) is over only after hard_timeout (2 s)",
            ),
            (
                {"ttl": 9, "stale_while_revalidate": 9, "stale_if_error": 9, "soft_timeout": 2},
                ConfigurationError,
                "soft_timeout is never waited for: within stale_while_revalidate a stale value is served at once",
            ),
            (
                {"ttl": 9, "jitter": 0.5, "refresh_ahead": 0.5},
                ConfigurationError,
                "jitter (0.5) may take more than refresh_ahead (0.5) leaves of a ttl",
            ),
            ({"hard_timeout": 0}, InvalidArgumentError, "hard_timeout must be more than 0"),
            ({"negative_ttl": -1}, InvalidArgumentError, "negative_ttl must be more than 0"),
            ({"store_if": 1}, InvalidTypeError, "store_if must be a function"),
            ({"abandoned": "forget"}, InvalidArgumentError, 'abandoned must be "cancel" or "complete"'),
        ],
    )
    def test_what_contradicts_itself_is_refused(
        self, said: dict[str, Any], kind: type[Exception], complaint: str
    ) -> None:
        with refused(kind, complaint):
            Policy(**said)

    @pytest.mark.parametrize("ttl", [0, -1, nan, -inf])
    def test_ttl_is_checked(self, ttl: float) -> None:
        with refused(InvalidArgumentError, f"ttl must be more than 0 seconds, got {ttl!r}"):
            Policy(ttl=ttl)

    @given(st.floats(0, 1, exclude_max=True))
    def test_jitter_is_a_fraction(self, jitter: float) -> None:
        assert Policy(jitter=jitter).jitter == jitter

    @pytest.mark.parametrize("jitter", [1, 1.0, -0.1, nan, inf, 10])
    def test_jitter_out_of_range(self, jitter: float) -> None:
        message = f"jitter must be at least 0 and below 1, got {jitter!r}; 0.1 is one tenth"
        with refused(InvalidArgumentError, message):
            Policy(jitter=jitter)

    @pytest.mark.parametrize("jitter", ["0.1", True, None])
    def test_jitter_of_another_type(self, jitter: Any) -> None:
        with refused(InvalidTypeError, f"jitter must be a fraction such as 0.1, got {jitter!r}"):
            Policy(jitter=jitter)


class TestTier:
    def test_the_defaults_restrict_nothing(self) -> None:
        tier = Tier(backend=BACKEND)
        assert (tier.read, tier.write, tier.promote) == (True, True, True)
        assert (tier.name, tier.max_ttl, tier.min_bytes, tier.max_bytes) == (None, None, 0, None)
        assert tier.timeout is UNSET
        assert tier.on_error == "skip"

    @pytest.mark.parametrize("name", ["max_ttl", "timeout"])
    @pytest.mark.parametrize(("given", "kept"), [(None, None), (inf, None), (2, 2.0)])
    def test_times(self, name: str, given: float | None, kept: float | None) -> None:
        options: dict[str, Any] = {name: given}
        assert getattr(Tier(backend=BACKEND, **options), name) == kept

    @pytest.mark.parametrize("name", ["max_ttl", "timeout"])
    @pytest.mark.parametrize("value", [0, -1.5, nan])
    def test_bad_times(self, name: str, value: float) -> None:
        options: dict[str, Any] = {name: value}
        with refused(InvalidArgumentError, f"{name} must be more than 0 seconds, got {value!r}"):
            Tier(backend=BACKEND, **options)

    @pytest.mark.parametrize("name", ["min_bytes", "max_bytes"])
    def test_sizes(self, name: str) -> None:
        options: dict[str, Any] = {name: -1}
        with refused(InvalidArgumentError, f"{name} must not be negative, got -1; pass None for no bound"):
            Tier(backend=BACKEND, **options)
        for value in (1.0, "1", True):
            options = {name: value}
            with refused(InvalidTypeError, f"{name} must be a whole number of bytes or None, got {value!r}"):
                Tier(backend=BACKEND, **options)

    def test_sizes_that_let_nothing_through(self) -> None:
        assert Tier(backend=BACKEND, min_bytes=5, max_bytes=5).max_bytes == 5
        with refused(InvalidArgumentError, "max_bytes must be at least min_bytes (5), got 4; a tier between them"):
            Tier(backend=BACKEND, min_bytes=5, max_bytes=4)

    def test_on_error(self) -> None:
        bad: Any = "ignore"
        assert Tier(backend=BACKEND, on_error="raise").on_error == "raise"
        with refused(InvalidArgumentError, 'on_error must be "skip" or "raise", got \'ignore\''):
            Tier(backend=BACKEND, on_error=bad)

    def test_a_tier_that_would_do_nothing(self) -> None:
        message = "a tier with read=False and write=False would do nothing; leave it out"
        with refused(InvalidArgumentError, message):
            Tier(backend=BACKEND, read=False, write=False)


@pytest.mark.parametrize("options", [Policy(), Tier(backend=BACKEND)])
class TestBoth:
    def test_cannot_be_changed(self, options: Any) -> None:
        for field in dataclasses.fields(options):
            with pytest.raises(dataclasses.FrozenInstanceError):
                setattr(options, field.name, None)

    def test_have_no_room_for_misspelt_fields(self, options: Any) -> None:
        assert not hasattr(options, "__dict__")

    def test_take_keywords_only(self, options: Any) -> None:
        with pytest.raises(TypeError, match="positional"):
            type(options)(1)


def test_a_bad_argument_is_ours_and_what_python_calls_it() -> None:
    for error, builtin in ((InvalidArgumentError, ValueError), (InvalidTypeError, TypeError)):
        assert issubclass(error, AICacheError)
        assert issubclass(error, builtin)


def test_unset_is_one_object() -> None:
    assert repr(UNSET) == "UNSET"
    assert pickle.loads(pickle.dumps(UNSET)) is UNSET
    assert list(Unset) == [UNSET]

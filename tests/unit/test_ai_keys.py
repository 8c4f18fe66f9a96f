"""Keys of AI requests: whatever can change the answer is in them, and two different requests never share one."""

from __future__ import annotations

import enum
import hashlib
import itertools
import string
import subprocess
import sys

import pytest

from aicache import CacheKeyGenerator, CachePerformanceMonitor
from aicache.ai.escaping import escaped, named, unescaped
from aicache.errors import ConfigurationError, InvalidArgumentError, InvalidTypeError, KeyEncodingError

keys = CacheKeyGenerator()


def key(text="text", operation="summarize", options=None, question=None):
    return keys.generate_cache_key(text, operation, options, question)


class Tone(enum.Enum):
    WARM = "warm"


# Requests that a careless key would mix up: all of them differ from each other.
CONFUSABLE = [
    {},
    {"text": ""},
    {"text": "Text"},
    {"text": "text "},
    {"text": "te\u0301xt"},
    {"text": "t\u00e9xt"},
    {"text": "a|b"},
    {"text": "a_b"},
    {"text": "x", "operation": "y|txt:z"},
    {"text": "z", "operation": "x|txt:y"},
    {"operation": "x"},
    {"operation": "X"},
    {"operation": "x y"},
    {"operation": "x%20y"},
    {"question": ""},
    {"question": "None"},
    {"question": "text"},
    {"text": "text", "question": "?"},
    {"text": "text?", "question": ""},
    {"options": {"n": 1}},
    {"options": {"n": 1.0}},
    {"options": {"n": True}},
    {"options": {"n": "1"}},
    {"options": {"n": None}},
    {"options": {"n": [1]}},
    {"options": {"n": (1,)}},
    {"options": {"n": "[1]"}},
    {"options": {"n": {}}},
    {"options": {"n": []}},
    {"options": {"n": 0.0}},
    {"options": {"n": -0.0}},
    {"options": {"n": b"1"}},
    {"options": {"n": {1}}},
    {"options": {"n": frozenset({1})}},
    {"options": {"n": Tone.WARM}},
    {"options": {"n": "warm"}},
    {"options": {"a": "1&b=2"}},
    {"options": {"a": "1", "b": "2"}},
    {"options": {"a": {"b": 1}, "c": 2}},
    {"options": {"a": {"b": 1, "c": 2}}},
    {"options": {"a": ["b", "c"]}},
    {"options": {"a": ["c", "b"]}},
    {"options": {"a": ["bc"]}},
    {"options": {"a": [["b"], "c"]}},
    {"options": {"a": ["b", ["c"]]}},
    {"options": {1: "a"}},
    {"options": {"1": "a"}},
    {"options": {True: "a"}},
    {"options": {"temperature": 0}},
    {"options": {"temperature": 0, "seed": None}},
    {"options": {"question": "?"}},
    {"options": {"n": 2**64}},
    {"options": {"n": float(2**64)}},
]


def test_no_two_confusable_requests_share_a_key():
    made = [key(**request) for request in CONFUSABLE]
    assert len(set(made)) == len(CONFUSABLE)


def test_scopes_and_namespaces_never_share_a_key():
    generators = [
        CacheKeyGenerator(namespace=namespace, scope=scope)
        for namespace in ("ai_cache", "ai_cache2", "ai", "op")
        for scope in (None, "a", "A", "a b", "a]:op:x", "op", "ai_cache", "%41", "x" * 100, "x" * 101)
    ]
    made = [generator.generate_cache_key("text", "x", {}) for generator in generators]
    assert len(set(made)) == len(generators)
    prefixes = [generator.prefix for generator in generators]
    for one, other in itertools.permutations(prefixes, 2):
        assert not one.startswith(other)


def test_an_operation_is_no_other_ones_prefix():
    operations = ["a", "ab", "a|b", "a%7Cb", "a.b", "*", "a" * 80, "a" * 81, "\ud800", "é", "~"]
    prefixes = [keys.operation_prefix(operation) for operation in operations]
    for one, other in itertools.permutations(prefixes, 2):
        assert not one.startswith(other)


def test_the_order_of_options_does_not_count_and_that_of_lists_does():
    one = {"model": "m", "tools": [{"name": "a", "x": 1}, {"name": "b"}], "format": {"type": "json", "strict": True}}
    other = {"format": {"strict": True, "type": "json"}, "tools": [{"x": 1, "name": "a"}, {"name": "b"}], "model": "m"}
    assert key(options=one) == key(options=other)
    assert key(options=one) != key(options={**one, "tools": one["tools"][::-1]})


def test_no_options_are_empty_options():
    assert key(options=None) == key(options={})


# The key below is written down once: if it changed, every stored answer would become a miss.


def test_keys_are_the_same_in_every_process():
    program = (
        "from aicache import CacheKeyGenerator as G;"
        "print(G().generate_cache_key('é', 'qa', {'b': {1, 2, 3}, 'a': {'x': 'y', 'z': [None, 0.5]}}, '?'))"
    )
    said = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONHASHSEED": seed, "PYTHONIOENCODING": "utf-8"},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for seed in ("0", "1", "12345", "random")
    }
    assert said == {"ai_cache:op:qa|1-9bd6ccd64e20da446a6b150a091a2411bb04bd2222d4e492930ab18e9f47cfbf"}


@pytest.mark.parametrize("threshold", [0, 10_000])
def test_a_key_is_readable_as_far_as_the_operation_and_never_too_long(threshold):
    for algorithm, namespace, scope, operation, text in itertools.product(
        (hashlib.sha256, hashlib.sha512, hashlib.blake2b),
        ("a", "n" * 32),
        (None, "s", "s" * 5000, "é" * 60, "\ud800"),
        ("op", "o" * 5000, "ö" * 80),
        ("", "text", "t" * 500_000, "é" * 90),
    ):
        generator = CacheKeyGenerator(threshold, algorithm, namespace=namespace, scope=scope)
        made = generator.generate_cache_key(text, operation, {"model": "m" * 1000}, "?" * 1000)
        assert len(made.encode("ascii")) <= 300
        assert made.startswith(generator.operation_prefix(operation))
        assert made.rpartition("-")[2] == made[-2 * algorithm(b"").digest_size :]


def test_prompts_and_options_are_not_in_a_key_unless_asked_for():
    made = key("a secret prompt", options={"user": "ann@example.org"}, question="a secret question")
    for word in ("secret", "ann", "example", "question"):
        assert word not in made
    shown = CacheKeyGenerator(20).generate_cache_key("a secret|prompt", "summarize", {})
    assert shown.startswith("ai_cache:op:summarize|txt:a%20secret%7Cprompt|1-")
    assert "txt" not in CacheKeyGenerator(20).generate_cache_key("t" * 21, "summarize", {})
    assert "txt" not in CacheKeyGenerator(5000).generate_cache_key("t" * 400, "summarize", {})


@pytest.mark.parametrize(
    ("options", "path"),
    [
        ({"model": object()}, "options['model']"),
        ({"tools": [1, {"schema": len}]}, "options['tools'][1]['schema']"),
        ({"a": {"b": (1, [lambda: 0])}}, "options['a']['b'][1][0]"),
        ({object(): 1}, "options[<object object"),
    ],
)
def test_an_option_that_cannot_be_encoded_is_named(options, path):
    with pytest.raises(KeyEncodingError) as refused:
        key(options=options)
    assert refused.value.path.startswith(path)
    assert path in str(refused.value)


@pytest.mark.parametrize(
    ("request_", "error", "says"),
    [
        ({"text": None}, InvalidTypeError, "text must be a str, got None"),
        ({"text": b"t"}, InvalidTypeError, "text must be a str"),
        ({"operation": ""}, InvalidArgumentError, "operation must not be empty"),
        ({"operation": None}, InvalidTypeError, "operation must be a str, got None"),
        ({"operation": ["a"]}, InvalidTypeError, "operation must be a str"),
        ({"options": [("a", 1)]}, InvalidTypeError, "options must be a mapping or None"),
        ({"question": 7}, InvalidTypeError, "question must be a str or None, got 7"),
    ],
)
def test_a_bad_request_is_refused_by_name(request_, error, says):
    with pytest.raises(error, match=says):
        key(**request_)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"text_hash_threshold": -1}, "text_hash_threshold must be a number of characters from 0 up, got -1"),
        ({"text_hash_threshold": "1"}, "text_hash_threshold"),
        ({"hash_algorithm": hashlib.md5}, "digests of 32 to 64 bytes.*with 16"),
        ({"hash_algorithm": hashlib.sha1}, "take hashlib.sha256"),
        ({"namespace": ""}, "namespace must be 1 to 32"),
        ({"namespace": "a:b"}, "got 'a:b'"),
        ({"namespace": "n" * 33}, "namespace"),
        ({"namespace": None}, "namespace"),
    ],
)
def test_a_generator_that_makes_no_sense_is_refused(arguments, says):
    with pytest.raises(ConfigurationError, match=says):
        CacheKeyGenerator(**arguments)


@pytest.mark.parametrize(("scope", "error"), [("", InvalidArgumentError), (7, InvalidTypeError)])
def test_a_bad_scope_is_refused(scope, error):
    with pytest.raises(error, match="scope must"):
        CacheKeyGenerator(scope=scope)


def test_a_monitor_is_told_how_long_a_key_took():
    monitor = CachePerformanceMonitor()
    CacheKeyGenerator(performance_monitor=monitor).generate_cache_key("text", "qa", {})
    (made,) = monitor.export_metrics()["key_generation_times"]
    assert (made["operation"], made["text_length"]) == ("qa", 4)
    assert made["duration"] > 0


BASE = {"text": "the text", "operation": "qa", "options": {"model": "m", "n": [1, {"t": 0.5}]}, "question": "why?"}


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"operation": "other"}, "operation, from character 0 on|operation"),
        ({"question": None}, "question"),
        ({"question": "who?"}, "question, from character 2 on"),
        ({"options": {"model": "m2", "n": [1, {"t": 0.5}]}}, "options['model'], from character 1 on"),
        ({"options": {"model": "m"}}, "options['n']"),
        ({"options": None}, "options['n']"),
        ({"options": {**BASE["options"], "extra": 1}}, "options['extra']"),
        ({"options": {"model": "m", "n": [1, {"t": 0}]}}, "options['n'][1]['t']"),
        ({"options": {"model": "m", "n": [True, {"t": 0.5}]}}, "options['n'][0]"),
        ({"options": {"model": "m", "n": [1, {"t": 0.5}, 2]}}, "options['n'][2]"),
        ({"options": {"model": "m", "n": (1, {"t": 0.5})}}, "options['n']"),
        ({"text": "the Text"}, "text, from character 4 on"),
        ({"text": "the text."}, "text, from character 8 on"),
    ],
    ids=str,
)
def test_explain_names_the_first_part_that_differs(change, part):
    difference = keys.explain(BASE, {**BASE, **change})
    assert difference.part in part.split("|")
    assert difference.part in str(difference)
    assert keys.explain({**BASE, **change}, BASE).part == difference.part


def test_explain_says_nothing_where_the_key_is_the_same():
    other = {**BASE, "options": dict(reversed(BASE["options"].items()))}
    assert keys.explain(BASE, other) is None
    assert keys.explain(("t", "qa", None), ("t", "qa", {})) is None
    assert keys.explain(("t", "qa"), {"text": "t", "operation": "qa"}) is None


def test_explain_takes_requests_only():
    with pytest.raises(InvalidTypeError, match="request_b must be text, operation, options and question"):
        keys.explain(BASE, {"prompt": "t"})
    with pytest.raises(InvalidTypeError, match="request_a"):
        keys.explain(("t",), BASE)


def test_a_difference_is_shown_briefly():
    difference = keys.explain({**BASE, "text": "a" * 1000}, {**BASE, "text": "b" * 1000})
    assert str(difference).startswith("text: 'aaa")
    assert len(str(difference)) < 200


@pytest.mark.parametrize("text", ["", "a", "a b|c", "%41", "é", "\ud800", "☕" * 30, "~"])
def test_what_is_escaped_comes_out_again(text):
    assert unescaped(escaped(text)) == text
    assert set(escaped(text)) <= set(string.ascii_letters + string.digits + "_.-%")


def test_a_name_cut_within_a_character_can_still_be_read():
    for length in range(1, 60):
        name = named("x" * length + "é☕\ud800" * 40, 64)
        assert len(name) <= 64
        assert unescaped(name).startswith("x" * min(length, 20))

"""Simulated answers are the same everywhere, have the sizes asked for, and compress as text does."""

from __future__ import annotations

import hashlib
import json
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aicache import Codec
from aicache.cli.demo.answers import answer, text


def test_an_answer_is_the_same_on_every_machine_and_python() -> None:
    told = json.dumps([answer(number, 3000) for number in (0, 1, 77_777)], sort_keys=True)
    assert hashlib.sha256(told.encode()).hexdigest()[:16] == "cd3bfe2e2f8cf538"


@given(number=st.integers(0, 10**6), size=st.integers(300, 100_000))
def test_an_answer_takes_about_the_bytes_asked_for(number: int, size: int) -> None:
    assert len(Codec().dumps(answer(number, size))) == pytest.approx(size, abs=40)


@given(number=st.integers(0, 10**6), size=st.integers(0, 100_000))
def test_its_text_has_exactly_the_length_asked_for(number: int, size: int) -> None:
    assert len(text(number, size)) == size
    assert text(number, size).isascii()


def test_answers_differ_and_each_caller_may_change_its_own() -> None:
    assert len({text(number, 200) for number in range(2000)}) == 2000
    one = answer(5, 1000)
    one["choices"].clear()
    assert answer(5, 1000)["choices"]


def test_text_compresses_about_as_english_technical_text_does() -> None:
    # zlib makes such text of 4 kB 2.4 to 2.9 times smaller, and of 1 kB about twice.
    def ratio(size: int) -> float:
        texts = [text(number, size).encode() for number in range(100)]
        return size * 100 / sum(len(zlib.compress(each)) for each in texts)

    assert 1.8 < ratio(1024) < 2.4
    assert 2.3 < ratio(4096) < 3.0


def test_what_is_smaller_than_the_frame_is_the_frame() -> None:
    small = answer(3, 10)
    assert small["choices"][0]["message"]["content"] == ""
    assert small["usage"]["completion_tokens"] == 1

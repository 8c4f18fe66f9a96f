"""For how long memory may answer, by what a feed says."""

from __future__ import annotations

from aicache._kernel.following import ALIVE_FOR, Following
from aicache.protocols import Heard


def heard(position="1", keys=(), tags=(), is_whole=True):
    return Heard(position, list(keys), list(tags), is_whole)


def test_nothing_is_believed_before_the_feed_was_heard():
    following = Following()
    assert following.until == float("-inf")
    assert following.position is None


def test_the_first_answer_empties_memory_whatever_it_says():
    following = Following()
    assert not following.heard(heard("7", is_whole=True))
    assert following.position == "7"
    assert following.until == float("-inf")  # until that has been done


def test_what_follows_is_told_one_by_one_and_a_gap_empties_memory():
    following = Following()
    following.heard(heard("1"))
    assert following.heard(heard("2", keys=["a"]))
    assert not following.heard(heard("3", is_whole=False))
    assert following.position == "3"


def test_memory_is_believed_from_when_the_feed_was_asked_and_never_for_less_than_before():
    following = Following()
    following.prove(10.0)
    assert following.until == 10.0 + ALIVE_FOR
    following.prove(9.0)
    assert following.until == 10.0 + ALIVE_FOR


def test_who_stops_begins_anew():
    following = Following()
    following.heard(heard("1"))
    following.prove(10.0)
    following.stop()
    assert following.until == float("-inf")
    assert not following.heard(heard("2"))

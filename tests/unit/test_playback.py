"""What readers get of a recording that was found, and when."""

from __future__ import annotations

from aicache._kernel.item import Item
from aicache._kernel.playback import Found, played
from aicache._kernel.recording import Recording
from aicache.codecs import MsgpackSerializer

SERIALIZER = MsgpackSerializer()


def held():
    return Recording([{"n": 1}, {"n": 2}], [500_000, 1_500_000, 2_000_000])


def item(value):
    return Item(value, SERIALIZER.dumps(value), SERIALIZER.loads, 0.0, None)


def test_each_reader_gets_chunks_that_no_other_can_change():
    found = Found()
    assert found.take() is None
    found.item = item(held().value())
    first, second, third = (found.take()[1] for _ in range(3))
    first.chunks[0]["n"] = second.chunks[1]["n"] = 7
    assert third == held()


def test_what_is_no_recording_is_not_handed_out():
    found = Found()
    found.item = item({"chunks": [1]})
    assert found.take() is None


def test_chunks_come_at_once_or_with_the_pauses_of_the_original():
    now = [10.0]
    assert list(played(held(), "instant", lambda: now[0])) == [(0.0, {"n": 1}), (0.0, {"n": 2})]
    assert list(played(held(), "recorded", lambda: now[0])) == [(0.0, {"n": 1}), (1.0, {"n": 2})]
    late = played(held(), "recorded", lambda: now[0])
    next(late)
    now[0] += 3.0
    assert next(late) == (0.0, {"n": 2})

"""How commands find their way in a cluster, without one: the replies are typed in."""

from __future__ import annotations

import pytest

from aicache.errors import BackendBusyError, BackendTimeoutError, BackendUnavailableError, ClosedError
from aicache_redis._commands import MOST_BYTES, MOST_COMMANDS
from aicache_redis._slots import Batch, SlotMap, slot_of_command
from aicache_redis._url import Address

A, B, C = (Address("host", port) for port in (1, 2, 3))
FOO, BAR = 12182, 5061  # slots, by the specification's own examples


@pytest.fixture
def slots():
    """The lower half of the slots is A's, the upper B's."""
    slots = SlotMap([A])
    slots.learned([[0, 8191, [b"host", 1, b"id"], [b"host", 9, b"a replica"]], [8192, 16383, [b"host", 2, b"id"]]], A)
    return slots


def batch(slots, *numbers, sizes=None):
    return Batch(slots, numbers, [b"<%d>" % at for at in range(len(numbers))], sizes)


def sent(parts):
    return [(part.address, part.packed, part.count, part.is_asking) for part in parts]


def error(text):
    return Exception(text)


# -- the map


def test_a_command_goes_to_the_slot_of_its_first_key():
    commands = [
        ("GETRANGE", b"foo", 0, 9),
        ("EVALSHA", b"digest", 2, b"foo", b"{foo}t", b"bar"),
        ("EVAL", b"text", 1, b"foo"),
        ("XREAD", "BLOCK", 5, "STREAMS", b"foo", "0-0"),
        ("UNLINK", b"foo"),
    ]
    assert {slot_of_command(command) for command in commands} == {FOO}


def test_a_node_without_a_host_is_where_the_answer_came_from():
    slots = SlotMap([A])
    slots.learned([[0, 1, [None, 5, b"id"]], [2, 3, [b"", 6, b"id"]], [4, 5, [b"?", 7, b"id"]]], Address("other", 1))
    assert slots.masters() == [Address("other", 5), Address("other", 6), Address("other", 7)]


def test_the_map_is_asked_for_again_when_it_is_doubted_and_not_too_often(slots):
    assert not slots.is_due(0.0)
    slots.failed(A)
    assert slots.is_due(0.0)
    slots.sources(0.0)
    assert not slots.is_due(0.09)
    assert slots.is_due(0.11)
    assert SlotMap([A]).is_due(0.0)


def test_who_failed_last_is_asked_last(slots):
    slots.failed(B)
    slots.failed(A)
    assert slots.sources(0.0) == [B, A]
    slots.moved(1, C)
    assert slots.sources(0.0) == [C, B, A]


# -- a batch


def test_commands_are_divided_among_the_nodes_and_the_replies_put_in_order(slots):
    asked = batch(slots, FOO, BAR, FOO, 0)
    one, two = asked.parts()
    assert sent([one, two]) == [(B, b"<0><2>", 2, False), (A, b"<1><3>", 2, False)]
    asked.heard(two, ["1", "3"])
    asked.heard(one, ["0", "2"])
    assert asked.parts() == []
    assert asked.replies == ["0", "1", "2", "3"]


def test_no_more_goes_to_a_node_at_once_than_one_round_trip_takes(slots):
    asked = batch(slots, *[FOO] * (MOST_COMMANDS + 1))
    (part,) = asked.parts()
    assert part.count == MOST_COMMANDS
    asked.heard(part, list(range(MOST_COMMANDS)))
    (part,) = asked.parts()
    assert part.at == [MOST_COMMANDS]


def test_large_values_go_one_after_the_other_and_nothing_of_their_slot_overtakes_them(slots):
    asked = batch(slots, FOO, FOO, FOO, BAR, sizes=[MOST_BYTES, MOST_BYTES, 1, 1])
    assert sent(asked.parts()) == [(B, b"<0>", 1, False), (A, b"<3>", 1, False)]
    assert sent(asked.parts()) == [(B, b"<1>", 1, False)]
    assert sent(asked.parts()) == [(B, b"<2>", 1, False)]


def test_moved_is_followed_and_remembered(slots):
    asked = batch(slots, FOO)
    asked.heard(asked.parts()[0], [error(f"MOVED {FOO} host:3")])
    (part,) = asked.parts()
    assert sent([part]) == [(C, b"<0>", 1, False)]
    asked.heard(part, ["reply"])
    assert (asked.parts(), asked.replies) == ([], ["reply"])
    assert slots.owners[FOO] == C
    assert slots.is_stale


@pytest.mark.parametrize(("text", "address"), [(":3", C), ("[::1]:3", Address("::1", 3)), ("?:3", C)])
def test_a_redirection_may_name_no_host_or_one_of_another_kind(slots, text, address):
    asked = batch(slots, FOO)
    asked.heard(asked.parts()[0], [error(f"MOVED {FOO} {text}")])
    assert asked.parts()[0].address == address


def test_ask_is_followed_once_and_not_remembered(slots):
    asked = batch(slots, FOO)
    asked.heard(asked.parts()[0], [error(f"ASK {FOO} host:3")])
    (part,) = asked.parts()
    assert sent([part]) == [(C, b"*1\r\n$6\r\nASKING\r\n<0>", 2, True)]
    asked.heard(part, [b"OK", "reply"])
    assert (asked.parts(), asked.replies) == ([], ["reply"])
    assert slots.owners[FOO] == B


def test_what_follows_a_command_that_was_sent_on_is_said_again_after_it(slots):
    """Otherwise a token could outlive the value that was stored after it was taken away."""
    asked = batch(slots, FOO, BAR, FOO)
    one, two = asked.parts()
    asked.heard(one, [error(f"ASK {FOO} host:3"), "too early"])
    asked.heard(two, ["bar"])
    (part,) = asked.parts()
    assert (part.address, part.at) == (C, [0])
    asked.heard(part, [b"OK", "first"])
    (part,) = asked.parts()
    assert sent([part]) == [(B, b"<2>", 1, False)]
    asked.heard(part, ["second"])
    assert (asked.parts(), asked.replies) == ([], ["first", "bar", "second"])


def test_what_was_done_the_first_time_counts_when_it_is_said_again(slots):
    asked = batch(slots, FOO, FOO)
    asked.heard(asked.parts()[0], [error(f"ASK {FOO} host:3"), 1])
    asked.heard(asked.parts()[0], [b"OK", 1])
    asked.heard(asked.parts()[0], [0])
    assert (asked.parts(), asked.replies) == ([], [1, 1])


def test_keys_that_are_being_moved_are_waited_for_until_it_is_too_late(slots):
    asked = batch(slots, FOO)
    for reply in ("TRYAGAIN Multiple keys", f"ASK {FOO} host:3", "TRYAGAIN Multiple keys") * 4:
        (part,) = asked.parts()
        asked.heard(part, [b"OK", error(reply)] if part.is_asking else [error(reply)])
        assert asked.is_moving is reply.startswith("TRYAGAIN")
    assert asked.parts(is_late=True) == []
    assert isinstance(asked.replies[0], BackendBusyError)


def test_nodes_that_send_a_command_round_in_circles_are_given_up(slots):
    asked = batch(slots, FOO)
    rounds = 0
    while parts := asked.parts():
        rounds += 1
        asked.heard(parts[0], [error(f"MOVED {FOO} host:{1 + rounds % 2}")])
    assert rounds == 6
    assert isinstance(asked.replies[0], BackendUnavailableError)


@pytest.mark.parametrize("failure", [BackendUnavailableError("gone"), BackendTimeoutError("late")])
def test_what_a_node_failed_goes_to_the_new_owner_or_is_its_failure(slots, failure):
    asked = batch(slots, FOO, BAR)
    one, two = asked.parts()
    asked.heard(one, failure)
    asked.heard(two, failure)
    assert slots.is_stale
    slots.learned([[0, 8191, [b"host", 1, b"id"]], [8192, 16383, [b"host", 3, b"id"]]], C)
    assert sent(asked.parts()) == [(C, b"<0>", 1, False)]
    assert asked.replies[1] is failure


@pytest.mark.parametrize("failure", [BackendBusyError("no turn"), ClosedError("closed")])
def test_a_failure_of_our_own_is_not_held_against_the_node(slots, failure):
    asked = batch(slots, FOO)
    asked.heard(asked.parts()[0], failure)
    assert (asked.parts(), asked.replies) == ([], [failure])
    assert not slots.is_stale


def test_a_cluster_that_is_down_has_the_map_asked_for_and_the_error_kept(slots):
    down = error("CLUSTERDOWN Hash slot not served")
    asked = batch(slots, FOO)
    asked.heard(asked.parts()[0], [down])
    assert slots.is_stale
    assert (asked.parts(), asked.replies) == ([], [down])


def test_an_error_that_is_about_no_place_is_a_reply(slots):
    wrong = error("WRONGTYPE Operation against a key")
    asked = batch(slots, FOO)
    asked.heard(asked.parts()[0], [wrong])
    assert (asked.parts(), asked.replies) == ([], [wrong])


def test_a_slot_that_nobody_has_is_an_error():
    slots = SlotMap([A])
    asked = batch(slots, FOO)
    assert asked.parts() == []
    with pytest.raises(BackendUnavailableError, match=f"no node of the cluster has slot {FOO}"):
        raise asked.replies[0]
    assert slots.is_stale

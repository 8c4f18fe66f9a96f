"""The passes that keep a slow fill from overtaking an invalidation."""

from __future__ import annotations

import threading

from aicache._kernel.fence import Fence


def test_a_pass_holds_until_its_key_is_revoked():
    fence = Fence()
    with fence.enter(["a", "b"]) as granted:
        fence.revoke(["a", "unknown"])
        assert (granted["a"].holds, granted["b"].holds) == (False, True)
        fence.revoke_all()
        assert not granted["b"].holds


def test_in_doubt_no_pass_holds_and_those_that_stood_stand():
    fence = Fence()
    with fence.enter(["a", "b"]) as granted:
        fence.revoke(["a"])
        fence.doubt()
        assert [(held.holds, held.stands) for held in granted.values()] == [(False, False), (False, True)]
        assert not granted["b"].store(lambda: True)
        with fence.enter(["b"]) as late:
            assert late["b"].holds
        fence.revoke(["b"])
        assert not granted["b"].stands


def test_a_pass_taken_after_a_revocation_holds_beside_one_that_does_not():
    fence = Fence()
    with fence.enter(["k"]) as early:
        fence.revoke(["k"])
        with fence.enter(["k"]) as late:
            assert (early["k"].holds, late["k"].holds) == (False, True)


def test_renewing_revokes_every_other_pass_and_keeps_this_one():
    fence = Fence()
    with fence.enter(["k"]) as one, fence.enter(["k"]) as two:
        assert one["k"].renew()
        assert (one["k"].holds, two["k"].holds) == (True, False)
        assert not two["k"].renew()
        assert one["k"].holds


def test_store_calls_only_while_the_pass_holds():
    fence, calls = Fence(), []
    with fence.enter(["k"]) as granted:
        assert granted["k"].store(lambda: calls.append(1) is None)
        assert not granted["k"].store(lambda: False)
        fence.revoke(["k"])
        assert not granted["k"].store(lambda: calls.append(2) is None)
    assert calls == [1]


def test_an_overwrite_revokes_every_pass_of_its_key_and_of_no_other():
    fence, calls = Fence(), []
    with fence.enter(["k", "other"]) as granted:
        assert not fence.overwrite(lambda key, item: calls.append((key, item)) or False, "k", 7)
        assert (granted["k"].holds, granted["other"].holds) == (False, True)
        assert fence.overwrite(lambda _key, _item: True, "other", 8)
        assert not granted["other"].holds
    assert fence.overwrite(lambda _key, _item: True, "unknown", 9)
    assert calls == [("k", 7)]
    assert fence._out == {}


def test_nothing_is_kept_for_a_key_that_nobody_is_busy_with():
    fence = Fence()
    with fence.enter(["a", "a", "b"]), fence.enter(["b"]):
        assert sorted(fence._out) == ["a", "b"]
    fence.revoke(["a"])
    assert fence._out == {}


def test_threads_leave_nothing_behind():
    fence = Fence()

    def work():
        for at in range(2000):
            with fence.enter([str(at % 3)]) as granted:
                granted[str(at % 3)].renew()
                fence.revoke([str((at + 1) % 3)])

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert fence._out == {}

"""`BackendContract`: the tests that every async backend passes. Its twin is generated."""

from __future__ import annotations

from aicache.testing._async.batches import BatchChecks, RemainingLifeChecks
from aicache.testing._async.entries import EntryChecks
from aicache.testing._async.fleets import FeedChecks, LeaseChecks, ReclaimChecks, TagChecks
from aicache.testing._async.lives import LifeChecks
from aicache.testing._async.stores import SharingChecks, StoreChecks
from aicache.testing._async.use import UseChecks
from aicache.testing._async.values import ValueChecks

__all__ = ["BackendContract"]


class BackendContract(
    UseChecks,
    ValueChecks,
    LifeChecks,
    BatchChecks,
    RemainingLifeChecks,
    StoreChecks,
    SharingChecks,
    EntryChecks,
    LeaseChecks,
    FeedChecks,
    TagChecks,
    ReclaimChecks,
):
    """Subclass it in a test module, say how a backend is made, and pytest runs what applies to it:

        class TestMyBackend(BackendContract):
            capabilities = {SupportsMany, SupportsClear}

            def make_backend(self):
                return MyBackend()

    It needs pytest and nothing else: each test runs in an event loop of its own, over a backend of its own, which is
    closed at the end. Fixtures reach `make_backend` through `self`, from an autouse fixture of the class.

    `make_backend()`: a backend over an empty store, an awaitable of one, or a context that yields one. The only thing
    that must be there.
    `capabilities`: what `supports` says the backend can do, so that this is tested too; one test compares the two.
    `stores=False`: for a backend that keeps nothing.
    `fake_time=True`: the backend goes by `self.clock`, a `FakeClock`, or by another that `advance(seconds)` moves.
    Without it the tests of expiry wait for the store's own clock, some 50 ms each.
    `ttl_granularity`: seconds by which an entry may end late; 0.001.
    `max_value_bytes`: the largest value that the backend is set to take; None: no such bound below 1 MiB.
    `patience`: seconds to wait at most for what must happen at some time; 10.
    `raw_get(backend, key)`, `raw_set(backend, key, value, ttl)`: go round the backend to its store, so that each verb
    is tested without the help of another; by default they use the verbs.
    `make_peer()`: a second backend over the same entries; it must see what the first stores.
    `make_neighbour()`: a backend in the same store under another name or prefix; neither may see the other's entries.
    """

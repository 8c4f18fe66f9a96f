"""Backends that fail their callers, their neighbours or their end."""

from __future__ import annotations

import asyncio

from good import Good, GoodMany, Suite


class BlindToClosing(Good):
    async def aclose(self) -> None:
        pass


class TestBlindToClosing(Suite):
    kind = BlindToClosing
    caught_by = "test_a_closed_backend_says_so"


class ClosesOnce(Good):
    async def aclose(self) -> None:
        await self.get("is it open")
        await super().aclose()


class TestClosesOnce(Suite):
    kind = ClosesOnce
    caught_by = "test_closing_twice_is_fine"


class SharesOneReply(Good):
    """Its callers read the reply from one place, as those of a connection that is not locked."""

    async def get(self, key: str) -> bytes | None:
        self.reply = await super().get(key)
        await asyncio.sleep(0)
        return self.reply


class TestSharesOneReply(Suite):
    kind = SharesOneReply
    caught_by = "test_callers_at_once_get_their_own"


class LosesStepOnCancellation(Good):
    """A cancelled call leaves its reply on the line, and the next caller reads it."""

    line: list[bytes | None]

    async def get(self, key: str) -> bytes | None:
        self.line = getattr(self, "line", [])
        self.line.append(await super().get(key))
        if isinstance(self.line[-1], bytes):
            await asyncio.sleep(0)
        return self.line.pop(0)


class TestLosesStepOnCancellation(Suite):
    kind = LosesStepOnCancellation
    caught_by = "test_a_cancelled_call_harms_no_other"


class WritesInTwoParts(Good):
    async def set(self, key: str, value: bytes, *, ttl: float | None = None) -> None:
        half = memoryview(value)[: len(value) // 2]
        await super().set(key, half, ttl=ttl)
        await asyncio.sleep(0)
        await super().set(key, value, ttl=ttl)


class TestWritesInTwoParts(Suite):
    kind = WritesInTwoParts
    caught_by = "test_a_cancelled_write_is_whole_or_not_there"


class SharesWithNeighbours(Good):
    @property
    def entries(self) -> dict[str, tuple[bytes, float]]:
        return self.stores.setdefault("one", {})


class TestSharesWithNeighbours(Suite):
    kind = SharesWithNeighbours
    caught_by = "test_neighbours_have_entries_of_their_own"


class TestSaysTooLittle(Suite):
    """The suite declares less than its backend can do, so its batches would go untested."""

    kind = GoodMany
    caught_by = "test_it_can_do_what_is_declared"

"""The bodies of responses: chunks on their way, with what is to be done when they are closed, and chunks at hand."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from typing import Any

from aicache.contrib.http.exchange import Exchange
from aicache.contrib.http.heads import usage_in
from aicache.contrib.http.receipts import Receipt

__all__ = ["Body", "KeptBody"]


class Body:
    """A body that is read once. `exchange`: that of the call of the provider which it comes from, or which it is played
    again after; None: from none. `receipt`: of the request.
    """

    def __init__(self, chunks: AsyncGenerator[Any, None], exchange: Exchange | None, receipt: Receipt) -> None:
        self._chunks = chunks
        self._exchange = exchange
        self._receipt = receipt

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        while True:
            chunk = await anext(self._chunks)
            if type(chunk) is bytes:
                return chunk
            self._enter(chunk)  # the last one, which has the usage

    async def aclose(self) -> None:
        """Read no more. Where the last event was seen nothing is missing, so then the answer is kept."""
        exchange, receipt = self._exchange, self._receipt
        if exchange is not None and exchange.has_ended:  # SDKs leave a stream before its end
            exchange.is_left = True
            async for chunk in self._chunks:
                if type(chunk) is not bytes:
                    self._enter(chunk)
        await self._chunks.aclose()
        receipt.enter(None)

    def _enter(self, chunk: object) -> None:
        """The last chunk has come, with the usage, which the exchange knows where it was read just now."""
        known = None if self._exchange is None else self._exchange.usage
        self._receipt.enter(usage_in(chunk) if known is None else known)


class KeptBody:
    """The body of a kept answer: all of it is there, so there is nothing to wait for, to count or to close."""

    def __init__(self, chunks: Sequence[bytes]) -> None:
        self._chunks = iter(chunks)

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        for chunk in self._chunks:
            return chunk
        raise StopAsyncIteration  # async-only
        # sync: raise StopIteration

    async def aclose(self) -> None:
        """Nothing."""

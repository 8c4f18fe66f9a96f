"""The body of a response: the chunks of a stream, and what is to be done when it is closed."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

from aicache.contrib.http.exchange import Exchange
from aicache.contrib.http.heads import usage_in
from aicache.contrib.http.receipts import Receipt

__all__ = ["Body"]


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
        is_whole = exchange is not None and exchange.has_ended
        if exchange is not None and is_whole:
            exchange.is_left = True
        if is_whole or (receipt.is_at_hand and not receipt.is_entered):  # SDKs leave a stream before its end
            async for chunk in self._chunks:
                if type(chunk) is not bytes:
                    self._enter(chunk)
        await self._chunks.aclose()
        receipt.enter(None)

    def _enter(self, chunk: object) -> None:
        """The last chunk has come, with the usage, which the exchange knows where it was read just now."""
        known = None if self._exchange is None else self._exchange.usage
        self._receipt.enter(usage_in(chunk) if known is None else known)

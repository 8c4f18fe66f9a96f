"""The body of a response: the chunks of a stream, and what is to be done when it is closed."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

from aicache.contrib.http.exchange import Exchange

__all__ = ["Body"]


class Body:
    """A body that is read once. `exchange`: that of the call of the provider which it comes from; None: from none."""

    def __init__(self, chunks: AsyncGenerator[Any, None], exchange: Exchange | None) -> None:
        self._chunks = chunks
        self._exchange = exchange

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._chunks:
            if type(chunk) is bytes:  # the last one may hold the usage
                yield chunk

    async def aclose(self) -> None:
        """Read no more. Where the last event was seen nothing is missing, so then the answer is kept."""
        exchange = self._exchange
        if exchange is not None and exchange.has_ended:
            exchange.is_left = True
            async for _ in self._chunks:
                pass
        await self._chunks.aclose()

"""What a call costs by the providers' price lists, looked up when somebody asks what was saved, never on a hit."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from aicache.ai.usage import Usage

__all__ = ["PriceList", "list_prices"]


class PriceList(NamedTuple):
    """Where prices come from. `price`: dollars for one call of what a usage says, or None where it has no price.

    It must be linear in the tokens between the steps of a price list, which lie at whole thousands of input tokens.
    `source`, `version`: shown with every sum.
    """

    source: str
    version: str | None
    price: Callable[[Usage], Decimal | float | None]


def list_prices() -> PriceList | None:
    """The list prices of genai-prices, as the installed release has them, at the date of each call; asks no network.

    None where the extra is not installed: `pip install 'aicache[prices]'`.
    """
    try:
        import genai_prices
    except ImportError:
        return None

    library: Any = genai_prices

    def price(usage: Usage) -> Decimal | None:
        if usage.model is None or usage.created is None:
            return None
        used = library.Usage(
            input_tokens=usage.input_tokens,
            output_tokens=usage.output_tokens,
            cache_read_tokens=usage.cached_input_tokens,
        )
        at = datetime.fromtimestamp(usage.created, UTC)
        try:
            found = library.calc_price(
                used, model_ref=usage.model, provider_id=usage.provider, genai_request_timestamp=at
            )
        except LookupError:
            return None
        total: Decimal = found.total_price
        return total

    return PriceList("genai-prices", str(library.__version__), price)

"""The ledger of savings: sums against a plain recount, prices call by call, and never a zero for what is unknown."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from decimal import Decimal
from threading import Thread
from typing import Any

import pytest
from genai_prices import Usage as PricedUsage
from genai_prices import calc_price
from hypothesis import given
from hypothesis import strategies as st

from aicache.ai.ledger import SavingsLedger
from aicache.ai.prices import PriceList, list_prices
from aicache.ai.usage import Usage
from aicache.errors import InvalidArgumentError

MONDAY = datetime(2026, 3, 2, 12, tzinfo=UTC).timestamp()


def stepped(usage: Usage) -> Decimal | None:
    """A price list with a step at 200,000 tokens and a price for each call; `free-form` is not on it."""
    if usage.model != "listed" or usage.created is None:
        return None
    given, made = usage.input_tokens or 0, usage.output_tokens or 0
    fresh = given - (usage.cached_input_tokens or 0)
    times = 2 if given > 200_000 else 1
    return (
        Decimal("0.001")
        + times * (Decimal(3) * fresh + Decimal(15) * made) / 10**6
        + (times * Decimal("0.3") * (given - fresh) / 10**6)
    )


PRICES = PriceList("a list", "7", stepped)

tokens = st.none() | st.integers(0, 5000) | st.integers(199_990, 200_010) | st.integers(0, 10**6)


@st.composite
def usages(draw: st.DrawFn) -> Usage | None:
    given = draw(tokens)
    return draw(
        st.none()
        | st.builds(
            Usage,
            input_tokens=st.just(given),
            output_tokens=tokens,
            cached_input_tokens=st.none() | st.integers(0, given or 0),
            model=st.sampled_from([None, "listed", "free-form"]),
            total_seconds=st.none() | st.sampled_from([0.5, 2.0]),
            created=st.none() | st.sampled_from([MONDAY, MONDAY + 1, MONDAY + 86_400]),
        )
    )


calls = st.tuples(
    st.sampled_from(["hit", "join", "miss"]),
    usages(),
    st.sampled_from(["qa", "summarize", None]),
    st.sampled_from([None, "tenant"]),
    st.sampled_from(["memory", None]),
    st.sampled_from([0.0, 0.25]),
)


def recount(recorded: list[tuple[Any, ...]]) -> dict[str, Any]:
    """The figures of some calls, one call at a time."""
    known = [call[1] for call in recorded if call[1] is not None]
    timed = [call[1].total_seconds - call[5] for call in recorded if call[1] and call[1].total_seconds is not None]
    full = [usage for usage in known if usage.input_tokens is not None and usage.output_tokens is not None]
    prices = [price for usage in full if (price := stepped(usage)) is not None]

    def total(values: list[Any]) -> Any:
        return sum(values) if values else None

    return {
        "calls": len(recorded),
        "input_tokens": total([usage.input_tokens for usage in known if usage.input_tokens is not None]),
        "output_tokens": total([usage.output_tokens for usage in known if usage.output_tokens is not None]),
        "cached_input_tokens": total(
            [usage.cached_input_tokens for usage in known if usage.cached_input_tokens is not None]
        ),
        "counted_calls": len(full),
        "seconds": pytest.approx(total(timed)) if timed else None,
        "timed_calls": len(timed),
        "dollars": pytest.approx(float(total(prices))) if prices else None,
        "priced_calls": len(prices),
        "unpriced_calls": len(recorded) - len(prices),
    }


@given(st.lists(calls, max_size=30))
def test_the_sums_are_those_of_the_calls(recorded: list[tuple[Any, ...]]) -> None:
    ledger = SavingsLedger()
    for call in recorded:
        ledger.record(*call)
    found = ledger.savings(prices=PRICES).to_dict()
    kinds = {"hits": "hit", "joins": "join", "misses": "miss"}
    for part, kind in kinds.items():
        mine = [call for call in recorded if call[0] == kind]
        assert found["total"][part] == recount(mine)
        for operation in {call[2] for call in recorded}:
            assert found["by_operation"][operation][part] == recount([call for call in mine if call[2] == operation])
        for scope in {call[3] for call in recorded}:
            assert found["by_scope"][scope][part] == recount([call for call in mine if call[3] == scope])
        for model in {call[1] and call[1].model for call in recorded}:
            of_model = [call for call in mine if (call[1] and call[1].model) == model]
            assert found["by_model"][model][part] == recount(of_model)
    hits = [call for call in recorded if call[0] == "hit"]
    assert found["by_tier"].keys() == {call[4] for call in hits}
    for tier, group in found["by_tier"].items():
        assert group["hits"] == recount([call for call in hits if call[4] == tier])


def test_one_tenant_sees_its_own() -> None:
    ledger = SavingsLedger()
    ledger.record("hit", Usage(input_tokens=1), scope="a")
    ledger.record("hit", Usage(input_tokens=10), scope="b")
    ledger.record("hit", Usage(input_tokens=100), scope=None)
    assert ledger.savings(scope="a").total.hits.input_tokens == 1
    assert ledger.savings(scope=None).total.hits.input_tokens == 100
    assert ledger.savings().total.hits.input_tokens == 111


@pytest.mark.parametrize(
    ("model", "provider", "given", "made", "cached"),
    [
        ("gpt-4o", None, 1000, 500, 0),
        ("gpt-4o", None, 1000, 500, 400),
        ("claude-sonnet-4-5", "anthropic", 150_000, 100, 0),
        ("gemini-2.5-pro", "google", 250_000, 1000, 1000),
        ("text-embedding-3-small", "openai", 8, 0, None),
    ],
)
def test_the_list_price_of_a_call_is_that_of_the_price_list(
    model: str, provider: str | None, given: int, made: int, cached: int | None
) -> None:
    ledger = SavingsLedger()
    usage = Usage(
        input_tokens=given,
        output_tokens=made,
        cached_input_tokens=cached,
        model=model,
        provider=provider,
        created=MONDAY,
    )
    for _ in range(3):
        ledger.record("hit", usage)
    found = ledger.savings()
    priced = PricedUsage(input_tokens=given, output_tokens=made, cache_read_tokens=cached)
    once = calc_price(
        priced, model_ref=model, provider_id=provider, genai_request_timestamp=datetime.fromtimestamp(MONDAY, UTC)
    )
    assert once.total_price > 0
    assert found.total.hits.dollars == pytest.approx(float(once.total_price * 3))
    assert found.price_source == "genai-prices"
    assert found.price_version
    assert found.note == "list price, before your discounts"


def test_the_price_is_that_of_the_day_of_the_call() -> None:
    before = PriceList("moving", None, lambda usage: 1.0 if (usage.created or 0) < MONDAY else 5.0)
    ledger = SavingsLedger()
    usage = {"input_tokens": 1, "output_tokens": 1, "model": "m"}
    ledger.record("hit", Usage(**usage, created=MONDAY - 86_400))
    ledger.record("hit", Usage(**usage, created=MONDAY + 86_400))
    assert ledger.savings(prices=before).total.hits.dollars == 6.0


@pytest.mark.parametrize(
    "usage",
    [
        None,
        Usage(),
        Usage(input_tokens=1, output_tokens=1, model="no-such-model", created=MONDAY),
        Usage(input_tokens=1, output_tokens=1, model="gpt-4o"),
        Usage(input_tokens=1, model="gpt-4o", created=MONDAY),
        Usage(input_tokens=1, output_tokens=1, created=MONDAY),
    ],
)
def test_what_is_unknown_has_no_price(usage: Usage | None) -> None:
    ledger = SavingsLedger()
    ledger.record("hit", usage)
    found = ledger.savings()
    assert (found.total.hits.dollars, found.total.hits.priced_calls, found.total.hits.unpriced_calls) == (None, 0, 1)
    assert found.unpriced_calls == {None if usage is None else usage.model: 1}


def test_without_the_library_nothing_is_priced_and_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "genai_prices", None)
    assert list_prices() is None
    ledger = SavingsLedger()
    ledger.record("hit", Usage(input_tokens=1, output_tokens=1, model="gpt-4o", created=MONDAY))
    found = ledger.savings()
    assert (found.total.hits.dollars, found.price_source) == (None, None)
    assert "pip install 'aicache[prices]'" in str(found)


def test_it_is_bounded() -> None:
    ledger = SavingsLedger(most=3)
    for number in range(10):
        ledger.record("hit", Usage(input_tokens=1), f"operation {number}")
    found = ledger.savings(prices=PRICES)
    assert found.total.hits.calls == 10
    assert found.by_operation["(others)"].hits.calls == 7
    assert len(found.by_operation) == 4
    with pytest.raises(InvalidArgumentError, match="most"):
        SavingsLedger(most=0)


def test_reset_forgets() -> None:
    ledger = SavingsLedger()
    ledger.record("hit", Usage(input_tokens=1))
    ledger.reset()
    assert ledger.savings().total.hits.calls == 0


def test_threads_record_while_another_reads() -> None:
    ledger = SavingsLedger()
    usage = Usage(input_tokens=1, output_tokens=1, model="listed", created=MONDAY)

    def record(name: str) -> None:
        for number in range(2000):
            ledger.record("hit", usage, f"{name}{number % 50}")

    threads = [Thread(target=record, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        assert ledger.savings(prices=PRICES).total.hits.calls <= 8000
    assert ledger.savings(prices=PRICES).total.hits.calls == 8000  # each thread has operations of its own


def test_the_tables_show_the_figures_and_no_markup_of_others() -> None:
    ledger = SavingsLedger()
    usage = Usage(input_tokens=1000, output_tokens=10, model="<b>m</b>", created=MONDAY, total_seconds=2)
    ledger.record("hit", usage, "<script>", "<i>", "memory", 0.5)
    found = ledger.savings(prices=PRICES)
    html = found._repr_html_()
    assert "<script>" not in html
    assert "<b>" not in html
    assert "<i>" not in html
    assert "&lt;script&gt;" in html
    text = str(found)
    assert "operation <script>" in text
    assert "1.5000" in text
    assert "list price, before your discounts, by a list 7; 1 calls without a price" in text

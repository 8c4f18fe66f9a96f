"""What a policy and the options of a tier have happen, in words."""

from __future__ import annotations

from aicache.options import Policy, Tier

__all__ = ["options_in_words", "policy_in_words", "ways_in_words"]


def policy_in_words(policy: Policy, *, can_cancel: bool) -> list[str]:
    """A line for each thing. `can_cancel`: whether a load that is no longer wanted can be ended."""
    stale = policy.stale_for
    lines = ["values never expire by themselves" if policy.ttl is None else f"values are fresh for {policy.ttl:g} s"]
    if policy.jitter:
        lines[0] += f", each for up to {policy.jitter:.0%} less (jitter)"
    if policy.negative_ttl is not None:
        lines.append(f"None is kept for {policy.negative_ttl:g} s" if policy.negative_ttl else "None is not stored")
    if policy.store_if is not None:
        kind = getattr(policy.store_if, "__name__", type(policy.store_if).__name__)
        lines.append(f"only values for which {kind} is true are stored")
    if policy.refresh_ahead is not None and policy.ttl is not None:
        when = policy.refresh_ahead * policy.ttl
        lines.append(f"after {when:g} s of {policy.ttl:g} a hit has a new one made in the background (refresh_ahead)")
    if policy.stale_while_revalidate:
        span = policy.stale_while_revalidate
        lines.append(f"for {span:g} s more they are served stale at once, while one load makes a new one")
    if policy.stale_if_error > policy.stale_while_revalidate:
        late = "" if policy.soft_timeout is None else f" or takes more than {policy.soft_timeout:g} s and goes on"
        lines.append(
            f"up to {policy.stale_if_error:g} s past their ttl they are served stale where the load fails{late}"
        )
    if (stale or policy.refresh_ahead is not None) and policy.throttle:
        lines.append(f"after a failed load the next waits {policy.throttle:g} s, where there is a value to serve")
    if policy.tags:
        lines.append(f"every value has the tags {', '.join(policy.tags)}")
    if policy.lease is not None:
        lines.append(
            f"where the last tier has leases, one process loads a value and the others wait for it; "
            f"one that dies while it loads costs them {policy.lease:g} s"
        )
    if policy.hard_timeout is not None:
        lines.append(
            f"a load is given up after {policy.hard_timeout:g} s"
            if can_cancel
            else f"callers leave a load after {policy.hard_timeout:g} s, and it goes on"
        )
    ends = can_cancel and policy.abandoned == "cancel"
    lines.append(f"a load that nobody waits for is {'cancelled' if ends else 'completed and stored'}")
    return lines


def ways_in_words(options: Tier, deadline: float | None, *, has_many: bool, has_ttl: bool) -> str:
    """How a tier out of this process is asked."""
    wait = "waits as long as it takes" if deadline is None else f"waits {deadline:g} s at most"
    trips = "batches" if has_many else "one call for each key"
    clock = "the store's clock" if has_ttl else "the writers' clocks"
    fails = "a failure is a miss" if options.on_error == "skip" else "a failure is raised"
    breaker = options.breaker
    tries = (
        "asked however often it fails"
        if breaker is None
        else f"left alone for {breaker.backoff:g} to {breaker.most:g} s after {breaker.failures} failures"
    )
    return f"{wait}, {trips}, lives by {clock}, {fails}, {tries}"


def options_in_words(options: Tier) -> str:
    """What differs from the usual."""
    said: list[str] = []
    if not options.read:
        said.append("never read")
    if not options.write:
        said.append("never written, only cleaned")
    if options.unheard == "serve":
        said.append("goes on with what it has while it cannot hear what other processes change")
    if options.write and not options.promote:
        said.append("takes no copies of what lower tiers have")
    if options.max_ttl is not None:
        said.append(f"keeps a value {options.max_ttl:g} s at most, its time to be stale included")
    if options.max_bytes is not None:
        said.append(f"takes values of {options.min_bytes:,} to {options.max_bytes:,} bytes")
    elif options.min_bytes:
        said.append(f"takes values from {options.min_bytes:,} bytes up")
    return "".join(f", {each}" for each in said)

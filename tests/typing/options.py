"""Which options a type checker lets in."""

from __future__ import annotations

from typing import Literal, assert_type

from aicache import UNSET, Policy, Tier
from aicache.options import Unset, check_key, check_ttl
from aicache_memory import MemoryBackend

policy = Policy(ttl=3600, jitter=0.1)
assert_type(policy.ttl, float | None)
assert_type(policy.jitter, float)
Policy(ttl=None)
Policy(3600)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
Policy(ttl="3600")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
Policy(tll=3600)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
policy.ttl = 60  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]

tier = Tier(backend=MemoryBackend(), name="near", max_ttl=60, timeout=None, on_error="raise")
assert_type(tier.timeout, float | Literal[Unset.UNSET] | None)
assert_type(tier.on_error, Literal["skip", "raise"])
Tier(backend=MemoryBackend(), timeout=UNSET)
Tier(MemoryBackend())  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
Tier(backend=MemoryBackend(), max_ttl=UNSET)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
Tier(backend=MemoryBackend(), on_error="ignore")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]

assert_type(UNSET, Literal[Unset.UNSET])
assert_type(check_key("key"), str)
assert_type(check_ttl(3), float | None)

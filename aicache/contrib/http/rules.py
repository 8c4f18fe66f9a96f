"""How an endpoint of a provider is known, asked and answered. What no rule knows is passed on untouched."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from aicache.contrib.http.reading import Reader
from aicache.errors import ConfigurationError

__all__ = ["Asked", "Rule", "rule_for"]


class Asked(NamedTuple):
    """What a request's body says about whether its answer can be an old one.

    `temperature`: None where it says none. `is_seeded`: it names a seed. `is_fixed`: there is nothing random about the
    answer. `refused`: why an old answer would be wrong or a new one must be made; None: nothing.
    """

    temperature: float | None = None
    is_seeded: bool = False
    is_fixed: bool = False
    refused: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One endpoint of a provider.

    `name`: what its keys and counts call it, as "openai.chat". `provider`, `operation`: for the savings.
    `path`: a regular expression that the end of the URL's path must match, whatever the host and what stands before.
    `reader`: makes what reads an answer. `asks`: reads a request's body, and goes by nothing else.
    `method`: of the requests. `volatile`: the fields of the body, at its top, that cannot change the answer; all others
    are in the key. `headers`: the request headers that are in the key, in lower case; no others are.

    Raises `ConfigurationError` for a `path` that is no regular expression, and headers that are credentials.
    """

    name: str
    provider: str
    operation: str
    path: str
    reader: Callable[[], Reader]
    asks: Callable[[dict[str, Any]], Asked]
    method: str = "POST"
    volatile: frozenset[str] = frozenset()
    headers: tuple[str, ...] = ()
    matches: Callable[[str], object] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        try:
            search = re.compile(f"(?:{self.path})$").search
        except re.error as error:
            raise ConfigurationError(f"path must be a regular expression, got {self.path!r}: {error}") from error
        object.__setattr__(self, "matches", search)
        secret = [name for name in self.headers if name.lower() in _SECRET]
        if secret:
            raise ConfigurationError(
                f"headers must not have {secret[0]!r}, a credential, in a key; pass scope= to keep callers apart"
            )
        if list(self.headers) != [name.lower() for name in self.headers]:
            raise ConfigurationError(f"headers must be in lower case, got {self.headers!r}")


_SECRET = frozenset({"api-key", "authorization", "cookie", "proxy-authorization", "x-api-key", "x-goog-api-key"})


def rule_for(rules: Sequence[Rule], method: str, path: str) -> Rule | None:
    """The first rule that knows such a request; None: no rule does."""
    for rule in rules:
        if rule.method == method and rule.matches(path):
            return rule
    return None

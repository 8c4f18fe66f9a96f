"""Which keys a pattern means: those that show it anywhere, as text, or where a glob is asked for, all that it matches.

What a key shows is `op:<operation>`, and `|txt:<text>` after it where the text is shown.
"""

from __future__ import annotations

from collections.abc import Callable
from fnmatch import fnmatchcase

from aicache.ai.escaping import unescaped
from aicache.errors import InvalidArgumentError, InvalidTypeError

__all__ = ["matcher"]


def matcher(pattern: object, prefix: str, *, glob: bool) -> Callable[[str], bool]:
    """What says whether a key that begins with `prefix` is meant; raises for an empty pattern."""
    if not isinstance(pattern, str):
        raise InvalidTypeError(f"pattern must be a str, got {pattern!r}")
    if not pattern:
        raise InvalidArgumentError("pattern must not be empty, got ''; invalidate_all() forgets everything")

    def matches(key: str) -> bool:
        if not key.startswith(prefix):
            return False
        shown = "op:" + unescaped(key[len(prefix) :].rpartition("|")[0])
        return fnmatchcase(shown, pattern) if glob else pattern in shown

    return matches

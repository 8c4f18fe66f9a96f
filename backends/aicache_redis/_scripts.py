"""The Lua scripts of leases: what has to be decided where the value is, in one step. Where EVAL is denied, `_leases`
says the same in more steps.

Each is sent by its SHA1, and whole where the server does not know it yet.
"""

from __future__ import annotations

from hashlib import sha1
from typing import Final, NamedTuple

__all__ = ["FILL", "LEASE", "RELEASE", "RENEW", "Script"]


class Script(NamedTuple):
    """A script and the digest by which the server remembers it."""

    text: bytes
    digest: bytes


def _script(text: str) -> Script:
    body = "\n".join(line.strip() for line in text.strip().splitlines()).encode()
    return Script(body, sha1(body, usedforsecurity=False).hexdigest().encode())


LEASE: Final = _script(
    """
    local value, left = redis.pcall('GETRANGE', KEYS[1], 0, ARGV[1]), -1
    if type(value) == 'string' and #value > 0 and #value <= tonumber(ARGV[1]) then
      left = redis.call('PTTL', KEYS[1])
      if ARGV[6] == '' then return {value, left, false, 0} end
    else value = false end
    local token, holds = redis.call('GET', KEYS[2]), true
    if ARGV[4] ~= '' then
      local holder = redis.call('GET', KEYS[3])
      holds = not holder or holder == ARGV[4]
      if not holder then redis.call('SET', KEYS[3], ARGV[4], 'PX', ARGV[5]) end
    end
    if not token then token = ARGV[2]; redis.call('SET', KEYS[2], token, 'PX', ARGV[3])
    elseif holds then redis.call('PEXPIRE', KEYS[2], ARGV[3]) end
    return {value, left, token, holds and 1 or 0}
    """
)
"""KEYS: value, token, lock. ARGV: the most bytes a value has, a new token, its milliseconds, the holder or '', the
lock's milliseconds, and anything to have a token where there is a value, too. The value or nil, its PTTL, the token or
nil, and whether the lock is the holder's.
"""

FILL: Final = _script(
    """
    if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
    local holder = ARGV[2] ~= '' and redis.call('GET', KEYS[3])
    if holder and holder ~= ARGV[2] then return 0 end
    if ARGV[4] == '' then redis.call('SET', KEYS[1], ARGV[3])
    else redis.call('SET', KEYS[1], ARGV[3], 'PX', ARGV[4]) end
    if holder then redis.call('UNLINK', KEYS[3]) end
    return 1
    """
)
"""KEYS: value, token, lock. ARGV: the token, the holder or '', the value, its milliseconds or ''. 1: stored."""

RENEW: Final = _script(
    """
    if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
    return redis.call('PEXPIRE', KEYS[1], ARGV[2])
    """
)
"""KEYS: lock. ARGV: the holder, milliseconds. 1: it still has it."""

RELEASE: Final = _script(
    """
    if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
    return redis.call('UNLINK', KEYS[1])
    """
)
"""KEYS: lock. ARGV: the holder. 1: it had it."""

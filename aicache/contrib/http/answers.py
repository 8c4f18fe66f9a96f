"""Responses that no provider sends, and what is said on those that it does: `x-aicache` tells what became of a request.

hit    from the cache; `age` says since when, in seconds
join   from a call of the provider that was under way
stale  from the cache, past its end, since the provider failed
miss   from the provider
bypass; sampling    from the provider, untouched, and why
absent    nowhere: there is no kept answer, and the provider was not to be asked
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from aicache.contrib.http.heads import RawHeader
from aicache.contrib.http.libraries import Library

__all__ = ["FailedError", "absent", "failed", "labelled"]


class FailedError(Exception):
    """The provider answered with an error; whoever waited for it gets the same response. Inside the transport only."""

    def __init__(self, status: int, headers: Sequence[RawHeader], body: bytes) -> None:
        super().__init__(f"the provider answered {status}")
        self.status = status
        self.headers = headers
        self.body = body


def failed(library: Library, error: FailedError, label: str) -> Any:
    """The response of a provider that failed."""
    return library.response(error.status, headers=[*error.headers, (b"x-aicache", label.encode())], content=error.body)


def absent(library: Library, method: str, url: str) -> Any:
    """A 504, as RFC 9111 has it; the SDKs are told not to try again."""
    message = f"no kept answer for {method} {url}, and the provider was not to be asked"
    body = json.dumps({"error": {"message": message, "type": "only_if_cached", "code": "only_if_cached"}})
    headers = [("content-type", "application/json"), ("x-should-retry", "false"), ("x-aicache", "absent")]
    return library.response(504, headers=headers, content=body.encode())


def labelled(response: Any, reason: str) -> Any:
    """A provider's response that is passed on, with the reason."""
    response.headers["x-aicache"] = f"bypass; {reason}"
    return response

"""Requests to providers as these tests make them, and the key that the transport would give one."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any

import httpx2

from aicache.contrib.http import PROVIDERS
from aicache.contrib.http.desk import Desk
from aicache.contrib.http.storing import StorePolicy

__all__ = ["ANTHROPIC", "CHAT", "GEMINI", "OPENAI", "PICTURE", "key", "seen", "user"]

ALWAYS = StorePolicy(sampling="always", hosted_tools_ttl=60.0)
OPENAI, ANTHROPIC = "https://api.openai.com/v1", "https://api.anthropic.com/v1"
GEMINI = "https://generativelanguage.googleapis.com/v1beta/models/gemini-9"
PICTURE = "data:image/png;base64," + b64encode(bytes(range(256))).decode()


def user(content: Any) -> list[dict[str, Any]]:
    return [{"role": "user", "content": content}]


def seen(url: str) -> list[dict[str, Any]]:
    return user([{"type": "image_url", "image_url": {"url": url}}])


CHAT: dict[str, Any] = {"model": "m", "messages": user("hi")}


def key(url: str, body: Any, *, content: bytes | None = None, scope: str | None = None, **headers: str) -> str:
    """The key of a request, as the transport makes it."""
    desk = Desk(PROVIDERS, ALWAYS, scope, "ai", 60)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = httpx2.Request("POST", url, headers=named, content=content or json.dumps(body).encode())
    plan = desk.plan(request)
    assert plan.bypassed is None, plan.bypassed
    return plan.keys[0]

"""Keys of requests that hold pictures and files: they are in it by what they hold and where."""

from __future__ import annotations

import json
from base64 import b64encode
from hashlib import sha256
from typing import Any

import pytest

from aicache.contrib.http import explain

from .http_requests import CHAT, OPENAI, PICTURE, key, seen, user

OTHER_PICTURE = "data:image/png;base64," + b64encode(bytes(range(1, 257 - 1)) + b"ab").decode()


def file(data: str) -> list[dict[str, Any]]:
    return user([{"type": "file", "file": {"file_data": data}}])


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (seen(PICTURE), seen(OTHER_PICTURE)),
        (seen(PICTURE), seen(PICTURE.replace("png", "gif"))),
        (file(PICTURE), file(OTHER_PICTURE)),
        (seen("https://a.test/1.png"), seen("https://a.test/2.png")),
    ],
)  # fmt: skip
def test_pictures_and_files_are_in_the_key_by_what_they_hold(a: Any, b: Any) -> None:
    url = f"{OPENAI}/chat/completions"
    assert key(url, {**CHAT, "messages": a}) != key(url, {**CHAT, "messages": b})
    assert key(url, {**CHAT, "messages": a}) == key(url, {**CHAT, "messages": json.loads(json.dumps(a))})
    found = str(explain({"url": url, "body": {**CHAT, "messages": a}}, {"url": url, "body": {**CHAT, "messages": b}}))
    assert len(found) < 300


def test_what_looks_like_the_digest_of_a_picture_is_another_request() -> None:
    data = bytes(range(256))
    told = ["data:image/png", len(data), sha256(data).hexdigest()]
    url = f"{OPENAI}/chat/completions"
    picture, text = {**CHAT, "messages": seen(PICTURE)}, {**CHAT, "messages": seen(told)}  # type: ignore[arg-type]
    text["note"] = picture["note"] = ";base64,"
    assert key(url, picture) != key(url, text)


def test_a_picture_in_another_place_is_another_request() -> None:
    url, note = f"{OPENAI}/chat/completions", "(its content)"
    a = {**CHAT, "messages": [*seen(PICTURE), *seen(note)]}
    b = {**CHAT, "messages": [*seen(note), *seen(PICTURE)]}
    assert len({key(url, body) for body in (a, b, {**CHAT, "messages": [*seen(PICTURE), *seen(PICTURE)]})}) == 3


def test_how_a_picture_is_written_changes_nothing() -> None:
    body = {**CHAT, "messages": seen(PICTURE), "file": {"file_data": PICTURE, "b": 1}}
    turned = {"file": {"b": 1, "file_data": PICTURE}, "messages": seen(PICTURE), "model": "m"}
    assert key(f"{OPENAI}/chat/completions", body) == key(f"{OPENAI}/chat/completions", turned)

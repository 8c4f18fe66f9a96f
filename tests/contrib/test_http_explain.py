"""Why two requests have two keys: `explain`, in Python and on the command line."""

from __future__ import annotations

import json
import sys
from typing import Any

import httpx
import httpx2
import pytest

from aicache.cli import main
from aicache.contrib.http import explain
from aicache.errors import InvalidArgumentError, InvalidTypeError, MissingExtraError

from .http_requests import ANTHROPIC, CHAT, OPENAI, PICTURE, key, seen


def test_explain_names_the_first_difference() -> None:
    url = f"{OPENAI}/chat/completions"
    a = httpx2.Request("POST", url, json={**CHAT, "temperature": 0})
    b = httpx.Request("POST", url, json={**CHAT, "temperature": 0.0})
    assert str(explain(a, b)) == "body['temperature']: 0 against 0.0"
    assert explain(a, a) is None
    assert explain(a, {"url": url, "body": {"temperature": 0, **CHAT}}) is None
    other = {"url": f"{ANTHROPIC}/messages", "body": CHAT}
    assert str(explain(a, other)) == "rule: 'openai.chat' against 'anthropic.messages'"


@pytest.mark.parametrize(
    ("request_", "error", "says"),
    [
        ({"url": f"{OPENAI}/models", "body": {}}, InvalidArgumentError, "no rule knows"),
        ({"url": f"{OPENAI}/chat/completions"}, InvalidArgumentError, "must have 'body'"),
        ({"url": f"{OPENAI}/chat/completions", "body": []}, InvalidArgumentError, "JSON object"),
        ({"url": f"{OPENAI}/chat/completions", "body": {"a": {1}}}, InvalidArgumentError, "a JSON body"),
        ({"url": 7, "body": {}}, InvalidArgumentError, "must have a URL"),
        ({"url": f"{OPENAI}/chat/completions", "body": {}, "headers": 7}, InvalidArgumentError, "must have a URL"),
        (7, InvalidTypeError, "must be a request"),
    ],
)
def test_explain_refuses_what_has_no_key(request_: Any, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        explain(request_, request_)


def test_explain_sees_a_request_as_the_transport_does() -> None:
    """However a URL is written, it says of two requests that they have one key where they have."""
    plain = f"{OPENAI}/chat/completions?a=%20b"
    same_one = "https://API.openai.com:443/v1/chat/completions?a= b"
    assert explain({"url": plain, "body": CHAT}, {"url": same_one, "body": CHAT, "method": "post"}) is None
    assert key(plain, CHAT) == key(same_one, CHAT)
    beta = {"url": plain, "body": CHAT, "headers": {"OpenAI-Beta": "a", "Authorization": "Bearer b"}}
    assert str(explain({"url": plain, "body": CHAT}, beta)) == "headers['openai-beta']: absent against 'a'"
    picture = explain(
        {"url": plain, "body": {**CHAT, "messages": seen(PICTURE)}},
        {"url": plain, "body": {**CHAT, "messages": seen(PICTURE.replace("png", "gif"))}},
    )
    assert str(picture).startswith("contents[0][1], from character 11 on: 'png' against 'gif'")


@pytest.mark.parametrize("library", [httpx2, httpx], ids=["httpx2", "httpx"])
def test_explain_of_a_body_that_is_still_to_be_made(library: Any) -> None:
    def chunks() -> Any:
        yield json.dumps(CHAT).encode()

    request = library.Request("POST", f"{OPENAI}/chat/completions", content=chunks())
    with pytest.raises(InvalidArgumentError, match=r"a must have its body at hand.*call a\.read\(\) first"):
        explain(request, {"url": f"{OPENAI}/chat/completions", "body": CHAT})
    request.read()
    assert explain(request, {"url": f"{OPENAI}/chat/completions", "body": CHAT}) is None


def test_explain_uses_whichever_library_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    request = {"url": f"{OPENAI}/chat/completions", "body": CHAT}
    monkeypatch.setitem(sys.modules, "httpx2", None)
    monkeypatch.delitem(sys.modules, "aicache.contrib.http.httpx2")
    assert explain(request, request) is None
    monkeypatch.setitem(sys.modules, "httpx", None)
    monkeypatch.delitem(sys.modules, "aicache.contrib.http.httpx")
    with pytest.raises(MissingExtraError, match="needs httpx2"):
        explain(request, request)


def test_explain_on_the_command_line(tmp_path: Any, capsys: pytest.CaptureFixture[str]) -> None:
    a, b, c = tmp_path / "a.json", tmp_path / "b.json", tmp_path / "c.json"
    a.write_text(json.dumps(CHAT))
    b.write_text(json.dumps({"url": f"{OPENAI}/chat/completions", "body": {**CHAT, "model": "n"}}))
    c.write_text("{")
    assert main(["explain", str(a), str(b)]) == 0
    assert capsys.readouterr().out == "body['model']: 'm' against 'n'\n"
    assert main(["explain", str(a), str(a)]) == 0
    assert capsys.readouterr().out == "the same key\n"
    assert main(["explain", str(a), str(c)]) == 2
    assert "must be JSON" in capsys.readouterr().err

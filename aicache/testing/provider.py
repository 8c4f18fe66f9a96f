"""A provider of one's own on the loopback interface, that speaks OpenAI's, Anthropic's and Gemini's APIs, for tests."""

from __future__ import annotations

import gzip
import json
import re
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Final, Self, cast
from urllib.parse import urlsplit

from aicache.testing import _provider_answers as answers

__all__ = ["Call", "LoopbackProvider"]

_CUT: Final = re.compile(r"-(cut|eof)-(\d+)$")
_STATUS: Final = re.compile(r"(?<!-cut)(?<!-eof)-(\d{3})$")


@dataclass(frozen=True, slots=True)
class Call:
    """A request that reached the provider."""

    method: str
    path: str
    headers: dict[str, str]
    body: dict[str, Any]


class LoopbackProvider:
    """Answers on `url`, each request anew, so that an old answer can be told from a new one; `calls` has them all.

    The last word of the model's name says how: "m-length", "m-filter", "m-refusal", "m-tools", "m-badtools", "m-empty",
    "m-error", "m-search" and "m-paused" end as these do, "m-429" and other statuses fail with them, "m-gzip" is
    compressed. "m-cut-120" breaks off after so many bytes, "m-eof-120" ends there as if that were all. "m-hold" sends
    the first event and waits for `go` to be set.

        with LoopbackProvider() as provider:
            client = OpenAI(base_url=f"{provider.url}/v1", api_key="none")
    """

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.go = threading.Event()
        self.held = threading.Event()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.provider = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """Where it answers, without a path."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        """Stop, and let go who is held."""
        self.go.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 256
    provider: LoopbackProvider

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Nothing: clients that leave in the middle are what it is for."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    @property
    def provider(self) -> LoopbackProvider:
        """Whose request it is."""
        return cast("_Server", self.server).provider

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 theirs
        """Nothing."""

    def do_GET(self) -> None:
        """Answer what no rule knows."""
        self.provider.calls.append(Call("GET", self.path, dict(self.headers.items()), {}))
        self._whole(200, {"object": "list", "data": []})

    def do_POST(self) -> None:
        """Answer a call of a model."""
        body = json.loads(self.rfile.read(int(self.headers.get("content-length", 0))))
        provider = self.provider
        headers = {name.lower(): value for name, value in self.headers.items()}
        provider.calls.append(Call("POST", self.path, headers, body))
        path = urlsplit(self.path).path
        model = path.rpartition("/")[2].partition(":")[0] if ":" in path else str(body.get("model"))
        status = _STATUS.search(model)
        if status is not None:
            self._whole(int(status[1]), {"error": {"message": "no", "type": "error"}, "type": "error"})
            return
        what = answers.said(model.partition("-cut-")[0].partition("-eof-")[0], len(provider.calls))
        answer, events = _answer(path, body, what)
        if answer is not None:
            self._whole(200, answer, model)
        else:
            self._events(events, model)

    def _head(self, status: int, kind: str) -> None:
        number = len(self.provider.calls)
        self.send_response(status)
        for name, value in (
            ("Content-Type", kind),
            ("x-request-id", f"req_{number}"),
            ("x-ratelimit-remaining-requests", "99"),
            ("set-cookie", "session=secret"),
            ("openai-organization", "acme"),
        ):
            self.send_header(name, value)
        if status == 429:
            self.send_header("retry-after-ms", "1")

    def _whole(self, status: int, answer: dict[str, Any], model: str = "") -> None:
        data = json.dumps(answer, ensure_ascii=False).encode()
        cut = _CUT.search(model)
        self._head(status, "application/json")
        if model.endswith("-gzip"):
            data = gzip.compress(data)
            self.send_header("content-encoding", "gzip")
        if cut is not None and cut[1] == "eof":
            data = data[: int(cut[2])]
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        if model.endswith("-hold"):
            self._hold()
        if cut is not None:
            data = data[: int(cut[2])]
            self.close_connection = True
        self.wfile.write(data)

    def _hold(self) -> None:
        self.provider.held.set()
        self.provider.go.wait(30)

    def _events(self, events: Iterable[bytes], model: str) -> None:
        self._head(200, "text/event-stream; charset=utf-8")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        cut = _CUT.search(model)
        left = int(cut[2]) if cut is not None else None
        for number, event in enumerate(events):
            data = event if left is None else event[:left]
            if data:
                self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
            if number == 0 and model.endswith("-hold"):
                self._hold()
            if left is not None:
                left -= len(data)
                if left <= 0:
                    break
        if cut is not None and cut[1] == "cut":
            self.close_connection = True  # without the chunk that ends the body
        else:
            self.wfile.write(b"0\r\n\r\n")


def _answer(path: str, body: dict[str, Any], what: answers.Said) -> tuple[dict[str, Any] | None, Iterator[bytes]]:
    """One body, or else events."""
    streams = bool(body.get("stream"))
    none = cast("Iterator[bytes]", iter(()))
    if path.endswith("/responses"):
        return (None, answers.responses_events(what)) if streams else (answers.responses(what), none)
    if path.endswith("/messages"):
        return (None, answers.anthropic_events(what)) if streams else (answers.anthropic(what), none)
    if path.endswith("/embeddings"):
        texts = body.get("input")
        return answers.embeddings(what, len(cast("list[object]", texts)) if isinstance(texts, list) else 1), none
    if path.endswith(":streamGenerateContent"):
        return None, answers.gemini_events(what)
    if path.endswith(":generateContent"):
        return answers.gemini(what, what.words), none
    return (None, answers.chat_events(what)) if streams else (answers.chat(what), none)

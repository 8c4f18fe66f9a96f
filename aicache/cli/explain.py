"""`aicache explain`: why two requests to a provider have different keys."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any, Final

from aicache.errors import ConfigurationError

__all__ = ["DESCRIPTION", "add_options", "run"]

DESCRIPTION: Final = """\
Says where two requests to a provider differ, so that the answer to one is not kept for the other. A file has the body
of a request as JSON, or an object of its "url", "body" and "headers".
"""
_URL: Final = "https://api.openai.com/v1/chat/completions"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `aicache explain`."""
    parser.add_argument("a", metavar="A.json", type=Path)
    parser.add_argument("b", metavar="B.json", type=Path)
    parser.add_argument("--url", default=_URL, help=f"of requests that are a body alone (default: {_URL})")


def run(arguments: argparse.Namespace) -> int:
    """Do what the arguments say; the exit code."""
    from aicache.contrib.http.explaining import explain

    found = explain(_request(arguments.a, arguments.url), _request(arguments.b, arguments.url))
    sys.stdout.write("the same key\n" if found is None else f"{found}\n")
    return 0


def _request(path: Path, url: str) -> dict[str, Any]:
    from aicache.contrib.http.plain import object_of, parsed

    try:
        plain = object_of(parsed(path.read_bytes()))
    except ValueError as error:
        raise ConfigurationError(f"{path} must be JSON: {error}") from error
    return plain if {"url", "body"} <= plain.keys() else {"url": url, "body": plain}

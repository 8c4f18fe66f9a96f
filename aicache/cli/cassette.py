"""`aicache cassette`: what is in a file of recorded answers."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Final

__all__ = ["DESCRIPTION", "add_options", "run"]

DESCRIPTION: Final = """\
Lists the answers in a cassette, as record() writes it: for each the request, its model, the status, and how much it is.
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `aicache cassette`."""
    parser.add_argument("file", metavar="FILE", type=Path)


def run(arguments: argparse.Namespace) -> int:
    """Do what the arguments say; the exit code."""
    from aicache.contrib.http.cassettes import Cassette
    from aicache.contrib.http.plain import under

    for key, take in Cassette.read(arguments.file).takes.items():
        size, request = sum(map(len, take.chunks)), take.request
        model = under(request, "body", "model") or ""
        sys.stdout.write(
            f"{request.get('method', '')} {request.get('url', '')} {model} -> {take.head.status}, "
            f"{size:,} bytes in {len(take.chunks)}  {key}\n"
        )
    return 0

"""Makes the request traces that `aicache demo` ships: the front part of longer ones, with a header that says so.

    python aicache/_tools/cut_traces.py SOURCE      SOURCE: the folder with the whole `*.trace.gz`

The same input gives the same text on every run, with no time stamp round it. The format is described in
`aicache/cli/demo/data/README.md`; what is taken, and how much of it, in `CUTS`.
"""

from __future__ import annotations

import gzip
import io
import json
import sys
from itertools import islice
from pathlib import Path
from typing import Any, Final

DATA: Final = Path(__file__).resolve().parents[1] / "cli" / "demo" / "data"

ATTACHED: Final = (
    "sizes, dollars and seconds are no part of the original: they model answers of language models, with token counts "
    "drawn from the Azure LLM inference traces of 2023 (github.com/Azure/AzurePublicDataset, CC BY 4.0; Patel et al., "
    '"Splitwise", ISCA 2024)'
)

# Requests kept (None: all of them), and whether their order was seen in production.
CUTS: Final[dict[str, tuple[int | None, str]]] = {
    "web12": (None, "real"),
    "aimix-a": (60_000, "synthetic"),
}


def cut(whole: bytes, requests: int | None, order: str) -> bytes:
    """The first `requests` of a gzipped trace (None: all) as a gzipped trace of its own."""
    with gzip.open(io.BytesIO(whole), "rt", encoding="ascii") as lines:
        header: dict[str, Any] = json.loads(next(lines))
        rows = list(islice(lines, header["rows"]))
        numbers = [int(line) for line in islice(lines, requests)]
    objects = max(numbers) + 1  # they are numbered in order of first appearance
    if header["rows"] == header["objects"]:
        rows = rows[:objects]  # one for each object, and so it stays
    elif len(rows) == objects:
        raise ValueError(f"{header['name']}: {objects} objects would each seem to have a row; take another number")
    kept = f"the first {len(numbers):,} of {header['accesses']:,} requests"
    header |= {
        "cut": "none, the whole trace" if len(numbers) == header["accesses"] else kept,
        "accesses": len(numbers),
        "objects": objects,
        "rows": len(rows),
        "order": order,
        "attached": ATTACHED,
    }
    body = "".join([json.dumps(header) + "\n", *rows, *(f"{number}\n" for number in numbers)])
    return gzip.compress(body.encode("ascii"), 9, mtime=0)


def main(arguments: list[str]) -> int:
    if len(arguments) != 1:
        print(__doc__)
        return 2
    source = Path(arguments[0])
    for name, (requests, order) in CUTS.items():
        made = cut((source / f"{name}.trace.gz").read_bytes(), requests, order)
        (DATA / f"{name}.trace.gz").write_bytes(made)
        print(f"{name}: {len(made):,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""The rows of the page of faults are the benchmarks' own: here they are asserted in their short form."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))

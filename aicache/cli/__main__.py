"""`python -m aicache.cli` is `aicache`."""

from __future__ import annotations

import sys

from aicache.cli import main

if __name__ == "__main__":
    sys.exit(main())

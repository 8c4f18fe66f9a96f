"""Runs one thing again and again beside its callers. Written by hand in both flavours: here in a thread."""

from __future__ import annotations

import threading
from collections.abc import Callable

__all__ = ["Beside"]

_PATIENCE = 1.0  # seconds that closing waits for it


class Beside:
    """`step` is called again and again; it returns how many seconds to wait before the next time, None to end.
    `ended` is called when it has ended, whatever ended it. `first`: seconds before the first time.
    """

    def __init__(self, step: Callable[[], float | None], ended: Callable[[], None], first: float = 0.0) -> None:
        self._step = step
        self._ended = ended
        self._first = first
        self._thread: threading.Thread | None = None
        self._over = threading.Event()
        self._stepped = threading.Event()

    @property
    def is_running(self) -> bool:
        """Whether it runs in this process."""
        return self._thread is not None and self._thread.is_alive()

    def start(self) -> None:
        """Run in a thread that ends with the process."""
        self._over, self._stepped = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, args=(self._over, self._stepped), name="aicache", daemon=True)
        self._thread.start()

    def first(self, seconds: float) -> None:
        """Wait for its first step to end, for so many seconds at most."""
        self._stepped.wait(seconds)

    def _run(self, over: threading.Event, stepped: threading.Event) -> None:
        try:
            pause: float | None = self._first
            while pause is not None and not over.wait(pause):
                pause = self._step()
                stepped.set()
        finally:
            stepped.set()
            self._ended()

    def close(self) -> None:
        """End it, and wait a little for that."""
        thread, self._thread = self._thread, None
        self._over.set()
        if thread is not None and thread is not threading.current_thread():
            thread.join(_PATIENCE)

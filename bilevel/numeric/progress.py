"""A bar on a terminal for long work.

Main definitions: `progress_bar`.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

WIDTH = 30

__all__ = ["progress_bar"]


def progress_bar(stream: Any = None, *, what: str = "chunks") -> Callable[[int, int], None] | None:
    """A function (done, of) that draws how far the work is and how long it may still take; None off a terminal.

    Math: time left = time so far times (of - done) / (done - done at the first call).
    Shapes: writes one line to `stream` (standard error) again and again, and wipes it when done = of.
    Reference: POSIX.1-2017, isatty.
    Examples:
        >>> import io
        >>> progress_bar(io.StringIO()) is None       # no terminal, no bar
        True
    """
    stream = sys.stderr if stream is None else stream
    if not stream.isatty():
        return None
    first: list[tuple[int, float]] = []

    def told(done: int, of: int) -> None:
        now = time.monotonic()
        first.append((done, now)) if not first else None
        start, began = first[0]
        left = f", {(now - began) * (of - done) / (done - start):.0f} s left" if done > start else ""
        full = WIDTH * done // of
        line = f"\r\033[K[{'#' * full}{'.' * (WIDTH - full)}] {done}/{of} {what}{left}"
        stream.write("\r\033[K" if done == of else line)
        stream.flush()

    return told

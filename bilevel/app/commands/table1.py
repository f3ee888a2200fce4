"""`bilevel table1`: the paper's table of stabilising strategies, every cell derived.

Main definitions: `run`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from bilevel.app import table1
from bilevel.app.layout import dumps
from bilevel.app.source import advice
from bilevel.language.errors import ReadError
from bilevel.models.strategies import catalogue

FORMS = {"html": "html", "markdown": "md", "latex": "tex", "json": "json"}


def run(options: Any) -> int:
    """Derive the cells and write them; what was not decided in time says so and makes the status 3."""
    known = catalogue()
    for name in options.strategy:
        if name not in known:
            raise ReadError(f"there is no strategy {name!r}; {advice(name, known)}", file="--strategy")
    if options.jobs < 1:
        raise ReadError("at least one process is needed", file="--jobs")
    folder = Path(options.out)
    pool: Any = ProcessPoolExecutor(options.jobs) if options.jobs > 1 else nullcontext()
    with pool as executor:
        cells = table1.table(
            options.strategy or None,
            seconds=options.cell_budget,
            executor=executor,
            kept=folder / "kept",
            tell=_teller(options.quiet),
        )
    chosen = [form for option, form in FORMS.items() if getattr(options, option)]
    written = table1.write(cells, folder, chosen or FORMS.values())
    if options.json and not options.quiet:
        print(dumps(cells))
    else:
        print("\n".join([_line(cell) for cell in cells] + [f"wrote {path}" for path in written]))
    return 3 if any(cell["word"] == "unknown" for cell in cells) else 0


def _teller(quiet: bool) -> Callable[[int, int, str], None]:
    """One line of progress on a terminal, nothing elsewhere."""
    if quiet or not sys.stderr.isatty():
        return lambda done, of, what: None

    def tell(done: int, of: int, what: str) -> None:
        sys.stderr.write(f"\r\x1b[K{done}/{of} {what[:60]}" + ("\r\x1b[K" if done == of else ""))
        sys.stderr.flush()

    return tell


def _line(cell: dict[str, Any]) -> str:
    printed = f" (printed: {cell['printed']})" if cell["printed"] else ""
    return f"{cell['title']:<32} {cell['side']:<4} {cell['word']}{printed}"

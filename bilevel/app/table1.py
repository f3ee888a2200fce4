"""The paper's Table 1, completed: every strategy on both sides, derived.

Main definitions: `table` (all cells, by any executor, kept and gone on from), `write` (HTML, Markdown, LaTeX, JSON, and
the files every cell links to).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Executor, as_completed
from pathlib import Path
from typing import Any

import bilevel
from bilevel.app.layout import dumps
from bilevel.app.table1_cell import SECONDS, cell
from bilevel.models.strategies import catalogue

SIDES = ("gan", "ac")


def table(
    names: Iterable[str] | None = None,
    *,
    seconds: float = SECONDS,
    executor: Executor | None = None,
    kept: str | Path | None = None,
    tell: Callable[[int, int, str], None] = lambda done, of, what: None,
) -> list[dict[str, Any]]:
    """Every cell of the table, in the order of its rows, as plain data.

    Cells are independent: any `concurrent.futures.Executor` runs them; none means one after another here. A cell kept
    in the folder `kept` by the same program and budget is read from there.
    """
    wanted = [(name, side) for name in (names or catalogue()) for side in SIDES]
    stamp = _stamp(seconds)
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for key in wanted:
        if (old := _read(kept, key, stamp)) is not None:
            found[key] = old
    missing = [key for key in wanted if key not in found]
    for key, made in _made(missing, seconds, executor):
        found[key] = made
        _keep(kept, key, stamp, made)
        tell(len(found), len(wanted), f"{key[0]} ({key[1]}): {made['word']}")
    return [found[key] for key in wanted]


def _made(
    missing: list[tuple[str, str]], seconds: float, executor: Executor | None
) -> Iterable[tuple[Any, dict[str, Any]]]:
    if executor is None:
        yield from ((key, cell(*key, seconds)) for key in missing)
        return
    waiting = {executor.submit(cell, *key, seconds): key for key in missing}
    for done in as_completed(waiting):
        yield waiting[done], done.result()


def _stamp(seconds: float) -> str:
    """What an answer depends on: the program's own text, and the budget."""
    root = Path(bilevel.__file__).parent
    folders = ("language", "rules", "models", "analysis", "app")
    files = sorted(
        path for folder in folders for path in (root / folder).rglob("*.py") if "table1_page" not in path.name
    )
    digest = hashlib.sha256(repr(seconds).encode())
    for path in files:
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _place(kept: str | Path, key: tuple[str, str]) -> Path:
    return Path(kept) / f"{key[0]}-{key[1]}.json"


def _read(kept: str | Path | None, key: tuple[str, str], stamp: str) -> dict[str, Any] | None:
    if kept is None:
        return None
    try:
        data = json.loads(_place(kept, key).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return data["cell"] if isinstance(data, dict) and data.get("stamp") == stamp else None


def _keep(kept: str | Path | None, key: tuple[str, str], stamp: str, made: dict[str, Any]) -> None:
    if kept is None:
        return
    place = _place(kept, key)
    place.parent.mkdir(parents=True, exist_ok=True)
    unfinished = place.with_suffix(".unfinished")
    unfinished.write_text(json.dumps({"stamp": stamp, "cell": made}), encoding="utf-8")
    unfinished.replace(place)


def write(
    cells: list[dict[str, Any]], folder: str | Path, forms: Iterable[str] = ("html", "md", "tex", "json")
) -> list[Path]:
    """The table in the forms wanted, and beside it each cell's problem files and certificates."""
    from bilevel.app import table1_page

    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    linked = _files(cells, place)
    makers: Mapping[str, Callable[[], str]] = {
        "html": lambda: table1_page.html(cells, linked),
        "md": lambda: table1_page.markdown(cells),
        "tex": lambda: table1_page.latex(cells),
        "json": lambda: dumps(cells) + "\n",
    }
    written = []
    for form in forms:
        path = place / f"table1.{form}"
        path.write_text(makers[form](), encoding="utf-8")
        written.append(path)
    return written


def _files(cells: list[dict[str, Any]], place: Path) -> dict[tuple[Any, ...], dict[str, str]]:
    """The files of every verdict, and how they are called, by (strategy, side, entry's number, rule)."""
    names: dict[tuple[Any, ...], dict[str, str]] = {}
    for one in cells:
        for number, entry in enumerate(one["entries"]):
            for rule, found in entry.get("rules", {}).items():
                stem = f"cells/{one['strategy']}-{entry['problem']}-{number + 1}-{rule}"
                made = {}
                if found["file"]:
                    made["problem"] = f"{stem}.toml"
                    _put(place / made["problem"], found["file"])
                made["verdict"] = f"{stem}.json"
                _put(
                    place / made["verdict"],
                    dumps({k: found[k] for k in ("rule", "before", "after", "players", "word", "why")}) + "\n",
                )
                names[one["strategy"], one["side"], number, rule] = made
    return names


def _put(path: Path, words: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(words, encoding="utf-8")

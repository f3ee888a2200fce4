"""Verdicts as LaTeX, and as Python source that runs without this package.

Main definitions: `verdict_source`.
"""

from __future__ import annotations

from typing import Any

from bilevel.app.screen import point_text
from bilevel.language.errors import BilevelError
from bilevel.language.latex import latex
from bilevel.language.source import python_function


def verdict_source(found: list[tuple[Any, Any, Any]], wanted: list[str], *, python: bool) -> str:
    """One block for each equilibrium: (answer, equilibrium as plain data, verdict); `wanted` are solved for as well."""
    blocks = []
    for index, (answer, entry, verdict) in enumerate(found):
        name = "stable" if len(found) == 1 else f"stable_{index + 1}"
        rule = answer["rule"] or "the system itself"
        mark = "#" if python else "%"
        head = f"{mark} {rule} at {point_text(entry['point'])}: {verdict.verdict} ({verdict.known})"
        body = _python(verdict, name, wanted) if python else _latex(verdict, wanted)
        blocks.append(f"{head}\n{body}")
    shown = "\n\n".join(block.rstrip() for block in blocks)
    if not python:
        return shown
    return "import math\n\n\n" + shown.replace("import math\n\n\n", "")


def _python(verdict: Any, name: str, wanted: list[str]) -> str:
    if verdict.condition is None:
        return f"# no condition: {verdict.reason}"
    parts = [verdict.python(name)]
    for symbol, solved in _solved(verdict, wanted):
        parts.append(python_function(solved, f"{name}_solved_for_{symbol}"))
    return "\n\n".join(parts)


def _latex(verdict: Any, wanted: list[str]) -> str:
    lines = [verdict.latex()]
    lines += [rf"\[ {latex(solved)} \]" for _, solved in _solved(verdict, wanted)]
    return "\n".join(lines)


def _solved(verdict: Any, wanted: list[str]) -> list[tuple[str, Any]]:
    found = []
    for symbol in sorted(verdict.condition.free_symbols if verdict.condition is not None else (), key=str):
        if symbol.name in wanted:
            try:
                found.append((symbol.name, verdict.solve(symbol)))
            except BilevelError:
                continue
    return found

"""Solutions of systems of equations: points and continua, without repetitions.

Main definitions: `Branch`, `Zeros`, `distinct`, `replaced`, `moved`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import sympy as sp

from bilevel.analysis.known import Condition, Known


@dataclass(frozen=True)
class Branch:
    """One solution: a value for every unknown (a free one stands for itself) and the conditions it rests on."""

    values: Mapping[Any, Any]
    free: tuple[Any, ...]
    conditions: tuple[Condition, ...]


@dataclass(frozen=True)
class Zeros:
    """The solutions found; `complete` when there are provably no others; else `reason` says what is open."""

    branches: tuple[Branch, ...]
    complete: bool
    reason: str = ""


def replaced(expression: Any, change: Mapping[Any, Any]) -> Any:
    """Simultaneous substitution."""
    return expression.subs(change, simultaneous=True) if change else expression


def moved(conditions: Iterable[Condition], values: Mapping[Any, Any]) -> list[Condition]:
    """Conditions with values put in."""
    return [(replaced(e, values), r) for e, r in conditions]


def distinct(branches: list[Branch], known: Known) -> list[Branch]:
    """Without repetitions, and without points that lie on a continuum that exists wherever they do."""
    kept: list[Branch] = []
    for branch in sorted(branches, key=lambda b: -len(b.free)):
        if not any(_contains(other, branch, known) for other in kept):
            kept = [other for other in kept if not _contains(branch, other, known)] + [branch]
    return sorted(kept, key=lambda b: (len(b.free), [sp.default_sort_key(v) for v in b.values.values()]))


def _contains(larger: Branch, smaller: Branch, known: Known) -> bool:
    put = {u: smaller.values[u] for u in larger.free}
    if not set(larger.conditions) <= set(smaller.conditions) and larger.conditions:
        return False
    return all(known.zero(replaced(v, put) - smaller.values[u]) for u, v in larger.values.items())

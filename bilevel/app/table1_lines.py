"""Fixed points that are not isolated: along which of the actor's parameters nothing is learnt any more.

Main definitions: `lost_isolation`, `idle_along`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sympy as sp

from bilevel.rules.protocol.smoothness import evaluated, nearby


def idle_along(linear: Any, actor: Sequence[str]) -> list[tuple[Any, list[str]]]:
    """The directions in which a flow's linearisation does not move, and what of the actor changes along each."""
    found = []
    for direction in sp.Matrix(linear.matrix).nullspace():
        entries = dict(zip(linear.order, direction, strict=True))
        found.append((entries, [name for name in actor if sp.cancel(entries.get(name, 0)) != 0]))
    return [(entries, names) for entries, names in found if names]


def lost_isolation(game: Any, linear: Any, point: Any, actor: Sequence[str], before: Sequence[str]) -> str | None:
    """How the fixed point is no longer isolated along the actor's parameters; None where it is, or was not before.

    Math: v with J v = 0 for the flow's Jacobian J; proved to be a line of fixed points where the field vanishes at
        z + t v for every t next to 0, else said to first order.
    """
    for entries, names in idle_along(linear, actor):
        if set(names) <= set(before):
            continue
        t = sp.Symbol("t", real=True)
        while t in game.variables:
            t = sp.Symbol(f"{t}_", real=True)
        put = {v: point[v] + t * entries[str(v)] for v in game.variables}
        values = [evaluated(nearby(slope, point), put) for slope in game.field().values()]
        proved = all(value is not None and sp.cancel(sp.expand(value)) == 0 for value in values)
        kind = "proved: a line of fixed points through it" if proved else "a zero mode of the flow, to first order"
        return f"{kind}, along which {', '.join(names)} may change: nothing draws the actor back"
    return None

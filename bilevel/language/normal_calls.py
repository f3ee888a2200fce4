"""How the reader of nodes reads applied networks, log-densities and their partial derivatives.

Main definitions: `Calls` (the part of the reader that makes their atoms).
"""

from __future__ import annotations

from typing import Any

import sympy as sp

from bilevel.language.laws import LogDensity
from bilevel.language.networks import OPEN
from bilevel.language.normal_atom import Atom
from bilevel.language.normal_draw import Environment
from bilevel.language.normal_ratio import Ratio
from bilevel.language.normal_tensor import Tensor, contract


class Calls:
    """Atoms of calls; the rest of the reader gives `matrix`, `argument`, `unique` and the assumed `ranges`."""

    matrix: Any
    argument: Any
    unique: Any
    ranges: dict[Any, str]

    def _call(self, applied: Any, env: Environment) -> Atom:
        parts = tuple(self.argument(a, env) for a in applied.arguments)
        if isinstance(applied, LogDensity):
            return Atom("density", parts, name=f"{applied.law.name}", payload=applied.law)
        net = applied.network
        rank = 0 if net.out is None else 1
        ranged = self.ranges.get(applied, net.range) if rank == 0 else "real"
        return Atom("call", parts, name=self.unique(net.name, net), rank=rank, range=ranged, payload=net)

    def _derivative(self, expr: Any, env: Environment) -> Tensor:
        """A partial derivative: one index for a vector value, one per vector slot; held slots are contracted."""
        call = self._call(expr.applied, env)
        slots = sorted(((place, held) for place, held in expr.slots), key=lambda slot: slot[0])
        marks = (["value"] if expr.applied.output is not None else []) + [
            place for place, held in slots if held != sp.S.One
        ]
        name = f"{call.name}/{','.join(str(place) for place, _ in slots)}"
        atom = Atom(
            f"partial {call.kind}",
            call.parts,
            name=name,
            rank=len(marks),
            slots=tuple(marks),
            payload=(call.payload, tuple(p for p, _ in slots)),
        )
        held = ([expr.weight] if expr.applied.output is not None else []) + [h for _, h in slots if h != sp.S.One]
        if not marks:
            return Tensor.scalar(Ratio.of(atom))
        vectors = [(self.matrix(h, env).tensor, (p,)) for p, h in enumerate(held) if h != OPEN]
        return contract(
            [(Tensor.factor(atom), tuple(range(len(marks)))), *vectors], [p for p, h in enumerate(held) if h == OPEN]
        )

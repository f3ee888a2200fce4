"""What strategies do to the points a critic is shown.

Main definitions: `remapped` (change every point shown), `varies`, `squared_slope`, `moments`, `need_slopes`,
`need_spread`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import sympy as sp

from bilevel.models.samples import Samples, Stream
from bilevel.models.strategies.protocol.strategy import NotApplicable

Change = Callable[[Stream, tuple[Any, ...]], tuple[Any, ...]]


def remapped(samples: Samples, change: Change) -> Samples:
    """The same samples with every point shown, next points included, put through a change."""

    def mapped(stream: Stream) -> Stream:
        later = tuple((p, change(stream, x)) for p, x in stream.later)
        return replace(stream, shown=change(stream, stream.shown), later=later)

    data, own = tuple(map(mapped, samples.data)), tuple(map(mapped, samples.own))
    return replace(samples, data=data, own=own, density=None, law=samples.drawn)


def varies(samples: Samples) -> bool:
    """Whether any point shown depends on chance or on the actor: finitely many constants have no slope between them."""
    return any(entry.free_symbols for stream in (*samples.data, *samples.own) for entry in stream.shown)


def squared_slope(samples: Samples, point: tuple[Any, ...]) -> Any:
    """The squared length of the critic's slope in its inputs at a point."""
    inputs = samples.value.variables
    slopes = [sp.diff(samples.value.expr, x) for x in samples.coordinates]
    return sum((s**2 for s in slopes), sp.S.Zero).subs(dict(zip(inputs, point, strict=True)), simultaneous=True)


def moments(samples: Samples, streams: Any) -> tuple[tuple[Any, Any], ...]:
    """Mean and variance of every coordinate over the mixture of some streams."""
    total = sum((stream.weight for stream in streams), sp.S.Zero)
    found = []
    for k in range(len(samples.coordinates)):
        first = sum((s.weight * samples.average(sp.expand(s.shown[k])) for s in streams), sp.S.Zero) / total
        second = sum((s.weight * samples.average(sp.expand(s.shown[k] ** 2)) for s in streams), sp.S.Zero) / total
        found.append((first, sp.expand(second - first**2)))
    return tuple(found)


def need_slopes(samples: Samples, name: str) -> None:
    """Refuse where what is shown are finitely many constant points."""
    if not varies(samples):
        raise NotApplicable(
            f"{name} needs points between which the critic has a slope; here it is shown finitely many fixed points"
        )


def need_spread(samples: Samples, name: str) -> None:
    """Refuse where the actor makes one point for certain: a point mass has no density, whatever the parameters."""
    drawn, made = set(samples.laws), [e for stream in samples.own for e in stream.shown]
    certain = len(samples.own) == 1 and not samples.own[0].weight.free_symbols
    if certain and not any(e.free_symbols & drawn for e in made):
        raise NotApplicable(
            f"{name} needs a law with a density; the actor makes the point ({', '.join(map(str, made))}) for certain, "
            "and a point mass has entropy -oo and no score at every value of the parameters"
        )

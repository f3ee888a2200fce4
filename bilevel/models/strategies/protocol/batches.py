"""Small batches written out: a point, the other points of its batch, and every way the batch may turn out.

Main definitions: `in_batches`.

A batch holds equally many points of a kind, drawn independently from that kind's law. Which stream a draw comes from is
summed out with its probability; what is random within a stream is a symbol of its own for each draw, and is averaged
with everything else. The batch of the next points is that of the same draws, one step on. A second strategy on batches
sees the same batch as the first has left it: both changes are made of one batch, drawn from the points as they were.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import sympy as sp

from bilevel.language.errors import GameError
from bilevel.language.nodes import stop_gradient
from bilevel.models.samples import Samples, Stream

Point = tuple[Any, ...]
Change = Callable[[Point, tuple[Point, ...]], Point]


def kindred(streams: tuple[Stream, ...], kind: str) -> tuple[Stream, ...]:
    """The streams of one kind."""
    return tuple(stream for stream in streams if stream.kind == kind)


def others(samples: Samples, stream: Stream) -> tuple[tuple[Stream, ...], ...]:
    """The data of every other kind that the same critic is shown: its tags that are numbers are the same."""
    mark = lambda s: [tag for tag in s.shown[len(samples.coordinates) :] if tag.is_number]
    same = [s for s in samples.data if s.kind != stream.kind and mark(s) == mark(stream)]
    return tuple(kindred(tuple(same), kind) for kind in dict.fromkeys(s.kind for s in same))


def holding(samples: Samples) -> tuple[Samples, dict[Any, Any]]:
    """The samples in which the actor's parameters also stand held fixed, and the symbols that stand for them there;
    what the data say of past actors is held too."""
    still = {p: sp.Symbol(f"{p.name}_held", **p._assumptions_orig) for p in samples.parameters}
    frozen = dict(samples.frozen) | {symbol: stop_gradient(p) for p, symbol in still.items()}
    past = {b: still[p] for b, p in zip(samples.behaviour, samples.parameters, strict=True)}
    return replace(samples, frozen=tuple(frozen.items())), still | past


def in_batches(samples: Samples, size: int, change: Change, *, joint: bool = False, stopped: bool = False) -> Samples:
    """The samples in which every point is shown as its batch changes it.

    `change(x, batch)` is the point x as shown; the batch begins with x itself. A `joint` batch holds as many points of
    every other kind after them, and a point of the actor's own stands among data of its kind; else among the actor's.
    A draw's law is held fixed in the actor's gradient (each sample has its own score), its points only if `stopped`.
    Points that stand in batches of this size already are changed once more, as their batch now looks to each of them.
    Cost: (streams of a kind)^(size - 1) compositions for each stream, times the next points of all draws.
    """
    if size != int(size) or size < 1:
        raise GameError(f"a batch holds a whole number of points, at least one; got {size}")
    past = _past(samples, int(size), stopped)
    if past is not None:
        change, joint = _both(past.change, past.joint, change, joint, int(size)), joint or past.joint
    plain, held = holding(samples if past is None else past.plain)
    drawing = _Drawing(plain, int(size), joint)
    data = tuple(part for s in plain.data for part in drawing.shown(s, plain.data, change, {}, {}))
    points = held if stopped else dict(zip(plain.behaviour, plain.parameters, strict=True))
    around = plain.data if joint else plain.own
    own = tuple(part for s in plain.own for part in drawing.shown(s, around, change, points, held))
    laws, frozen = {**samples.laws, **drawing.laws}, tuple((dict(samples.frozen) | dict(plain.frozen)).items())
    origin = samples if past is None else past.plain
    now = _Batched(origin, int(size), joint, stopped, change, data, own)
    new: dict[str, Any] = {"laws": laws, "frozen": frozen, "data": data, "own": own, "batched": now}
    return replace(samples, **new, density=None, law=samples.drawn)


@dataclass(frozen=True)
class _Batched:
    """Samples before they stood in batches, how their batches changed them, and what came of it."""

    plain: Samples
    size: int
    joint: bool
    stopped: bool
    change: Change
    data: tuple[Stream, ...]
    own: tuple[Stream, ...]


def _past(samples: Samples, size: int, stopped: bool) -> _Batched | None:
    """How the points came to stand in batches that can be looked at once more; None where they stand in none."""
    past = samples.batched
    if past is None and all(stream.batch == 1 for stream in (*samples.data, *samples.own)):
        return None
    if past is not None and past.size == 1 == max(stream.batch for stream in samples.data):
        return None  # one point of each kind is no batch of a kind
    again = f"batches of {past.size}" if past is not None else "batches"
    if past is None or past.data is not samples.data or past.own is not samples.own:
        raise GameError(
            f"the points stand in {again} and have been changed since, each by itself; apply the two strategies that "
            "look at batches one right after the other"
        )
    if past.size != size:
        raise GameError(
            f"the points already stand in {again}; a second strategy sees the same ones: give n = {past.size}"
        )
    if past.stopped or stopped:
        raise GameError(
            f"the points already stand in {again}, and one of the two strategies holds its batch fixed in the "
            "gradient; two of them are differentiated through the batch: give gradient='through'"
        )
    return past


def _both(first: Change, first_joint: bool, second: Change, second_joint: bool, size: int) -> Change:
    """The second change of what the first makes of every point of the batch, each seen in it as if it came first."""

    def change(x: Point, batch: tuple[Point, ...]) -> Point:
        groups = [batch[k : k + size] for k in range(0, len(batch), size)]

        def around(g: int, j: int) -> tuple[Point, ...]:
            mates = [p for k, p in enumerate(groups[g]) if k != j]
            rest = [p for k, group in enumerate(groups) if k != g for p in group] if first_joint else []
            return (groups[g][j], *mates, *rest)

        seen = [first(p, around(g, j)) for g, group in enumerate(groups) for j, p in enumerate(group)]
        return second(first(x, around(0, 0)), tuple(seen if second_joint else seen[: len(groups[0])]))

    return change


@dataclass
class _Drawing:
    samples: Samples
    size: int
    joint: bool

    def __post_init__(self) -> None:
        self.laws = dict(self.samples.laws)
        self.renamed: dict[tuple[Any, str], Any] = {}

    def shown(
        self, stream: Stream, streams: tuple[Stream, ...], change: Change, points: dict[Any, Any], law: dict[Any, Any]
    ) -> list[Stream]:
        """The stream, split by the compositions of its batch; `points` and `law` are what is held in the draws."""
        draws = [(kindred(streams, stream.kind), f"{stream.kind}{k}") for k in range(1, self.size)]
        for group in others(self.samples, stream) if self.joint else ():
            draws += [(group, f"{group[0].kind}{k}") for k in range(1, self.size + 1)]
        found: dict[tuple[Any, ...], Any] = {}
        own = tuple(entry.xreplace(points) for entry in stream.shown)
        for chance, mates in self._compositions(draws, law):
            batch = (own, *(_at(mate.shown, points) for mate in mates))
            ahead = self._ahead(stream, mates[: self.size - 1], change)
            key = (change(stream.shown, batch), ahead)
            found[key] = found.get(key, sp.S.Zero) + stream.weight * chance
        return [replace(stream, shown=x, weight=p, later=later, batch=self.size) for (x, later), p in found.items()]

    def _compositions(
        self, draws: list[tuple[tuple[Stream, ...], str]], law: dict[Any, Any]
    ) -> Iterator[tuple[Any, tuple[Stream, ...]]]:
        """Which stream every draw comes from, with the probability."""
        choices = []
        for streams, stamp in draws:
            total = sp.cancel(sum((s.weight for s in streams), sp.S.Zero))
            choices.append([(s.weight.xreplace(law) / total.xreplace(law), self._drawn(s, stamp)) for s in streams])
        for composition in product(*choices):
            yield sp.Mul(*(p for p, _ in composition)), tuple(mate for _, mate in composition)

    def _drawn(self, stream: Stream, stamp: str) -> Stream:
        """The same stream with random symbols of its own."""
        entries = [*stream.shown, *(e for p, x in stream.later for e in (p, *x))]
        used = {s for e in entries for s in e.free_symbols if s in self.samples.laws}
        new = {s: self._symbol(s, stamp) for s in sorted(used, key=str)}
        return replace(
            stream,
            shown=tuple(e.xreplace(new) for e in stream.shown),
            later=tuple((p.xreplace(new), _at(x, new)) for p, x in stream.later),
        )

    def _symbol(self, symbol: Any, stamp: str) -> Any:
        if (symbol, stamp) not in self.renamed:
            name, taken = f"{symbol.name}_{stamp}", {str(s) for s in self.laws}
            while name in taken:
                name += "_"
            self.renamed[symbol, stamp] = new = sp.Symbol(name, real=True)
            self.laws[new] = self.samples.laws[symbol]
        return self.renamed[symbol, stamp]

    def _ahead(self, stream: Stream, mates: tuple[Stream, ...], change: Change) -> tuple[tuple[Any, Point], ...]:
        """The next points, each beside the next points of the draws."""
        found: dict[Point, Any] = {}
        going_on = [mate.later for mate in mates if mate.later]
        for (p, x), *others in product(stream.later, *going_on):
            point = change(x, (x, *(other for _, other in others)))
            found[point] = found.get(point, sp.S.Zero) + p * sp.Mul(*(q for q, _ in others))
        return tuple((p, point) for point, p in found.items())


def _at(point: Point, put: dict[Any, Any]) -> Point:
    return tuple(entry.xreplace(put) for entry in point)

"""Where the nodes of a small diagram stand: layers along the flow of information, few crossings, neighbours level.

Main definitions: `positions` (in drawing units), `grid` (column and row), `places_like` (laid out as another diagram).
Reference: Sugiyama, Tagawa, Toda (1981), doi:10.1109/TSMC.1981.4308636.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import permutations, product

from bilevel.language.structure import InformationStructure

COLUMN, ROW = 136.0, 92.0
_FEW = 5_000  # orders of the layers that are tried one by one


def positions(
    structure: InformationStructure, places: Mapping[str, tuple[float, float]]
) -> dict[str, tuple[float, float]]:
    """Centre of every node in drawing units; `places` fixes (column, row) of some."""
    laid = {**grid(structure), **{name: place for name, place in places.items() if name in structure.names}}
    return {name: (COLUMN * column, ROW * row) for name, (column, row) in laid.items()}


def places_like(other: InformationStructure, mapping: Mapping[str, str]) -> dict[str, tuple[float, float]]:
    """Places for a diagram beside `other`: the image of every node of `other` stands where that node stands.

    Math:       place(mapping[n]) = place(n), in columns and rows
    Reference:  Pfau, Vinyals (2016), arXiv:1610.01945, Figure 1 (two diagrams, one shape)
    Examples:
        >>> from bilevel.language.structure import Edge, Node
        >>> gan = InformationStructure((Node("G"), Node("D")), (Edge("G", "D"),))
        >>> places_like(gan, {"G": "pi", "D": "Q"})
        {'pi': (0.0, 0.0), 'Q': (1.0, 0.0)}
    """
    laid = grid(other)
    return {image: laid[name] for name, image in mapping.items()}


def grid(structure: InformationStructure) -> dict[str, tuple[float, float]]:
    """Column and row of every node: information flows to the right, rows are centred on zero."""
    arrows = _acyclic(structure)
    column = _columns(structure, arrows)
    layers = [
        [name for name in structure.names if column[name] == k] for k in range(max(column.values(), default=-1) + 1)
    ]
    links = [(e.source, e.target) for e in structure.edges if e.source != e.target]
    layers = _fewest_crossings(layers, links)
    rows = {name: index - (len(layer) - 1) / 2 for layer in layers for index, name in enumerate(layer)}
    return {name: (float(column[name]), rows[name]) for name in structure.names}


def _acyclic(structure: InformationStructure) -> list[tuple[str, str]]:
    """Information arrows without those that close a cycle, followed from what nobody feeds."""
    following: dict[str, list[str]] = {name: [] for name in structure.names}
    for edge in structure.edges:
        if edge.kind == "information" and edge.source != edge.target:
            following[edge.source].append(edge.target)
    kept: list[tuple[str, str]] = []
    state: dict[str, int] = {}

    def visit(name: str) -> None:
        state[name] = 1
        for after in following[name]:
            if state.get(after) != 1:
                kept.append((name, after))
                if after not in state:
                    visit(after)
        state[name] = 2

    fed = {after for names in following.values() for after in names}
    for name in sorted(structure.names, key=lambda name: name in fed):  # what nobody feeds comes first
        if name not in state:
            visit(name)
    return kept


def _columns(structure: InformationStructure, arrows: list[tuple[str, str]]) -> dict[str, int]:
    """Longest path from the left; then every source moves right until it is just before what it feeds."""
    column = dict.fromkeys(structure.names, 0)
    for _ in structure.names:
        for source, target in arrows:
            column[target] = max(column[target], column[source] + 1)
    entered = {target for _, target in arrows}
    for name in structure.names:
        fed = [column[target] for source, target in arrows if source == name]
        if name not in entered and fed:
            column[name] = min(fed) - 1
    used = sorted(set(column.values()))
    return {name: used.index(column[name]) for name in structure.names}


def _fewest_crossings(layers: list[list[str]], links: list[tuple[str, str]]) -> list[list[str]]:
    """The orders within the layers that cost least; all of them where they are few, else the barycentre sweep's."""
    number = 1
    for layer in layers:
        for k in range(2, len(layer) + 1):
            number *= k
    if number <= _FEW:
        every = product(*(list(permutations(layer)) for layer in layers))
        return [list(layer) for layer in min(every, key=lambda orders: _cost(orders, links))]
    best = layers
    for sweep in range(8):
        place = {name: index - (len(layer) - 1) / 2 for layer in best for index, name in enumerate(layer)}
        moved = []
        for layer in best if sweep % 2 else best[::-1]:
            moved.append(sorted(layer, key=lambda name: (_barycentre(name, links, place), place[name])))
        tried = moved if sweep % 2 else moved[::-1]
        best = tried if _cost(tried, links) < _cost(best, links) else best
    return best


def _barycentre(name: str, links: list[tuple[str, str]], place: dict[str, float]) -> float:
    near = [place[b] for a, b in links if a == name] + [place[a] for a, b in links if b == name]
    return sum(near) / len(near) if near else place[name]


def _cost(layers: Sequence[Sequence[str]], links: list[tuple[str, str]]) -> float:
    """Crossings count most, then nodes in the way of a long arrow, then slant."""
    place: dict[str, tuple[float, float]] = {}
    for column, layer in enumerate(layers):
        for index, name in enumerate(layer):
            place[name] = (column, index - (len(layer) - 1) / 2)
    cost = 0.0
    for position, (a, b) in enumerate(links):
        (ax, ay), (bx, by) = place[a], place[b]
        cost += 0.1 * abs(ay - by)
        for name, (x, y) in place.items():
            if name not in (a, b) and ax != bx and min(ax, bx) < x < max(ax, bx):
                cost += 2.0 * (abs(ay + (by - ay) * (x - ax) / (bx - ax) - y) < 0.45)
            if name not in (a, b) and ax == bx == x and min(ay, by) < y < max(ay, by):
                cost += 2.0
        for c, d in links[position + 1 :]:
            if not {a, b} & {c, d}:
                cost += 3.0 * _cross(place[a], place[b], place[c], place[d])
    return cost


def _cross(a: tuple[float, float], b: tuple[float, float], c: tuple[float, float], d: tuple[float, float]) -> bool:
    """Whether the segments ab and cd cross inside."""

    def side(p: tuple[float, float], q: tuple[float, float], r: tuple[float, float]) -> float:
        return (q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0])

    return side(a, b, c) * side(a, b, d) < 0 and side(c, d, a) * side(c, d, b) < 0

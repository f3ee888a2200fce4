"""Minimising convex losses with kinks (hinge, absolute value): nodes and pieces, with ties.

A convex cost is least at a node where the slope changes sign, inside a piece at the
zero of its slope, or on a whole piece where the slope vanishes. Main definitions: `plain_kinks`, `has_kinks`,
`minimise_kinked`.
"""

from __future__ import annotations

from typing import Any

import sympy as sp

from bilevel.language.errors import UnknownAnswer
from bilevel.language.outcomes import Outcome, comparison, end_value, tidy
from bilevel.language.reduction import reduce_sign
from bilevel.language.roots import at_end, rising_root, sign_at_end
from bilevel.language.signs import Box, sign

Expr = Any


def plain_kinks(expression: Expr) -> Expr:
    """Max and Min written with absolute values: ``max(a, b) = (a + b + |a - b|)/2``."""

    def fold(args: tuple[Any, ...], turn: int) -> Expr:
        first, *others = args
        for other in others:
            first = (first + other + turn * sp.Abs(first - other)) / 2
        return first

    return expression.replace(sp.Max, lambda *args: fold(args, 1)).replace(sp.Min, lambda *args: fold(args, -1))


def has_kinks(expression: Expr, u: Expr) -> bool:
    """Whether an absolute value of something with u stands in the expression."""
    return any(a.has(u) for a in expression.atoms(sp.Abs))


def minimise_kinked(
    cost: Expr, u: Expr, interval: Any, region: Box
) -> tuple[tuple[Outcome, ...], tuple[str, ...], Any]:
    """All cases of the minimum of a convex cost with kinks at affine expressions in u."""
    nodes = _nodes(cost, u, interval, region)
    edges = [interval.start, *nodes, interval.end]
    spans = [sp.Interval.open(a, b) for a, b in zip(edges, edges[1:], strict=False)]
    pieces = [_on_piece(cost, u, span, region) for span in spans]
    slopes = [sp.expand(sp.diff(piece, u)) for piece in pieces]
    _prove_convex(slopes, spans, nodes, u, region)
    cases = _end_cases(slopes, pieces, spans, u, interval, region)
    for k, node in enumerate(nodes):
        left, right = slopes[k].subs(u, node), slopes[k + 1].subs(u, node)
        conditions = _unproved((left, -1), (right, 1), region=region)
        if conditions is not None:
            cases.append(Outcome(conditions, node, tidy(sp.expand(pieces[k].subs(u, node))), True, None, "kink"))
    for slope, piece, a, b in zip(slopes, pieces, edges, edges[1:], strict=False):
        cases.extend(_inside_piece(slope, piece, u, sp.Interval(a, b), interval, region))
    line = (
        f"convex in {u} with kinks at {', '.join(map(str, nodes)) or 'none'}: slopes "
        f"{', '.join(map(str, slopes))} never fall"
    )
    return tuple(_one_if_certain(cases)), (line, "the minimum is where the slope changes sign"), None


def _nodes(cost: Expr, u: Expr, interval: Any, region: Box) -> list[Any]:
    """The kinks inside the range, in proved order."""
    found: list[Any] = []
    for atom in sorted((a for a in cost.atoms(sp.Abs) if a.has(u)), key=str):
        argument = sp.expand(atom.args[0])
        slope = argument.coeff(u)
        if sp.expand(argument - slope * u).has(u) or sign(slope, region) not in (1, -1):
            raise UnknownAnswer(
                f"the kink of {atom} is not at one known value of {u}", next_step="write kinks of affine expressions"
            )
        node = sp.cancel(-argument.subs(u, 0) / slope)
        if node not in found and _inside(node, interval, region):
            found.append(node)
    ordered: list[Any] = []
    for node in found:
        place = 0
        for other in ordered:
            order = sign(node - other, region)
            if order not in (1, -1):
                raise UnknownAnswer(
                    f"the order of the kinks {node} and {other} is not decided", next_step="assume which one is larger"
                )
            place += order == 1
        ordered.insert(place, node)
    return ordered


def _inside(node: Expr, interval: Any, region: Box) -> bool:
    above = 1 if interval.start == -sp.oo else sign(node - interval.start, region)
    below = 1 if interval.end == sp.oo else sign(interval.end - node, region)
    if None in (above, below):
        raise UnknownAnswer(f"whether the kink {node} lies in {interval} is not decided", next_step="add an assumption")
    return above == 1 and below == 1


def _on_piece(cost: Expr, u: Expr, piece: Any, region: Box) -> Expr:
    inner = region.with_side(u, piece)
    signs = {a: sign(a.args[0], inner) for a in cost.atoms(sp.Abs) if a.has(u)}
    if None in signs.values():
        raise UnknownAnswer(
            f"the sign of {next(a for a, s in signs.items() if s is None).args[0]} on {piece} is not decided"
        )
    return sp.expand(cost.xreplace({a: s * a.args[0] for a, s in signs.items()}))


def _prove_convex(slopes: list[Any], spans: list[Any], nodes: list[Any], u: Expr, region: Box) -> None:
    for slope, piece in zip(slopes, spans, strict=True):
        if slope.has(u) and sign(slope.diff(u), region.with_side(u, piece)) != 1:
            raise UnknownAnswer(
                f"a piece with slope {slope} is not proved convex",
                next_step="minimise a convex loss or maximise a concave one",
            )
    for left, right, node in zip(slopes, slopes[1:], nodes, strict=False):
        if sign(sp.expand(right - left).subs(u, node), region) not in (0, 1):
            raise UnknownAnswer(
                f"the slope may fall at the kink {node}, so the cost is not proved convex",
                next_step="check the sense (min or max)",
            )


def _unproved(*wanted: tuple[Any, int], region: Box) -> Any:
    """The conditions ``wanted`` (<= 0 for -1, >= 0 for 1) that are not proved already; None when one is refuted."""
    left = []
    for expression, direction in wanted:
        known = sign(expression, region)
        if known == -direction:
            return None
        if known is None:
            left.append(comparison(expression, "<=" if direction == -1 else ">="))
    return sp.And(*left)


def _end_cases(
    slopes: list[Any], pieces: list[Any], spans: list[Any], u: Expr, interval: Any, region: Box
) -> list[Outcome]:
    cases = []
    ends = (
        (interval.start, slopes[0], pieces[0], spans[0], 1, "+", interval.left_open),
        (interval.end, slopes[-1], pieces[-1], spans[-1], -1, "-", interval.right_open),
    )
    for end, slope, piece, span, direction, side, is_open in ends:
        at_far = _slope_at(slope, u, end, side, span, region)
        if not end.is_finite and sign(at_far, region) == 0:
            continue
        conditions = _unproved((at_far, direction), region=region)
        if conditions is not None:
            cases.append(Outcome(conditions, end, end_value(piece, u, end, side), not is_open, None, "end"))
    return cases


def _slope_at(slope: Expr, u: Expr, end: Expr, side: str, span: Any, region: Box) -> Expr:
    """An expression with the sign of the slope at an end of a piece, the far ends at infinity included."""
    if not slope.has(u):
        return slope
    value = slope.subs(u, end) if end.is_finite else sp.nan
    if not value.has(sp.zoo, sp.nan, sp.oo):
        return sp.expand(value)
    reduced = reduce_sign(slope, u, span, region)
    if not reduced.polynomial.has(reduced.unknown):
        return reduced.polynomial
    far = reduced.interval.start if side == "+" else reduced.interval.end
    sign_at_end(reduced, far, region)
    return at_end(reduced, far)


def _inside_piece(slope: Expr, piece: Expr, u: Expr, closed: Any, interval: Any, region: Box) -> list[Outcome]:
    if slope.has(u):
        reduced = reduce_sign(slope, u, sp.Interval.open(closed.start, closed.end), region)
        if not reduced.polynomial.has(reduced.unknown):
            return []  # the slope keeps its sign on this piece
        value = rising_root(reduced, region)
        span = sp.Interval.open(closed.start, closed.end)
        wanted = [
            (_slope_at(slope, u, end, side, span, region), turn)
            for end, side, turn in ((closed.start, "+", -1), (closed.end, "-", 1))
        ]
        if any(sign(expression, region) in (0, -direction) for expression, direction in wanted):
            return []
        strict = [comparison(e, "<" if d == -1 else ">") for e, d in wanted if sign(e, region) is None]
        return [Outcome(sp.And(*strict), value, tidy(piece.subs(u, value)), True, None, "interior")]
    known = sign(slope, region)
    if known in (1, -1):
        return []
    at_low, at_high = closed.start == interval.start, closed.end == interval.end
    ties = sp.Interval(closed.start, closed.end, at_low and interval.left_open, at_high and interval.right_open)
    value = (
        (ties.start + ties.end) / 2
        if ties.start.is_finite and ties.end.is_finite
        else ties.end
        if ties.end.is_finite
        else ties.start
    )
    return [
        Outcome(
            sp.true if known == 0 else comparison(slope, "=="), value, tidy(piece.subs(u, value)), True, ties, "tie"
        )
    ]


def _one_if_certain(cases: list[Outcome]) -> list[Outcome]:
    """A tie that holds without condition contains every other optimum, so it alone is the answer."""
    certain = [case for case in cases if case.condition == sp.true and case.ties is not None]
    return certain or cases

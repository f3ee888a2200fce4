"""The fixed point next to another point, where it has no formula, and how a rule behaves there.

Main definitions: `zeros_near` (`zeros_of`), `linear_near`, `line_verdict`, `ball_of`. Coordinates and derivatives at
such a point are `BallNumber`s: exact as numbers, decided by their enclosures.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import flint
import sympy as sp
from flint import arb

from bilevel.analysis.ball_number import SHOWN, BallNumber
from bilevel.analysis.enclosure import enclose, enclosed_verdict
from bilevel.analysis.equilibrium import Equilibrium
from bilevel.analysis.krawczyk import certify, isolated_zeros
from bilevel.analysis.local_model import FINE
from bilevel.analysis.local_verdict import linear_in_letters
from bilevel.analysis.sections import MARGINAL, STABLE, UNSTABLE, Sections, sections
from bilevel.analysis.verdict import Verdict, certain, unknown
from bilevel.language.errors import UnknownAnswer
from bilevel.rules.protocol.linear import Linearisation
from bilevel.rules.protocol.rule import Rule
from bilevel.rules.protocol.smoothness import evaluated

STARTS = 32
SMALL, LETTERS, DIGITS = 4, 12, 20
ROUGHLY = (
    f"decided with the derivatives at the fixed point rounded to {DIGITS} digits: they are too many for enclosures"
)
REASON = "decided by enclosures at the fixed point that an interval test proves to lie here"


def zeros_near(game: Any, start: Mapping[Any, Any], *, starts: int = STARTS) -> list[Equilibrium]:
    """Zeros of a game's field found from a point and from points around it, each proved by an interval test, the
    nearest first; never claimed to be all.

    Math: see `krawczyk.certify`. A coordinate that the test leaves where it was, or at a short fraction, is exact where
        the other equations alone are proved to have a zero with it.

    Reference: Krawczyk (1969), doi:10.1007/BF02234767.

    Examples:
        >>> from bilevel.game import Game, minimize
        >>> x = sp.Symbol("x", real=True)
        >>> [str(point) for point in zeros_near(Game(a=minimize(sp.exp(x) + x**2, x)), {x: 0})]
        ['x = -0.351733711249: no kind decided']
    """
    return zeros_of(list(game.field().values()), list(game.variables), start, starts=starts)


def zeros_of(
    equations: list[Any], variables: list[Any], start: Mapping[Any, Any], *, starts: int = STARTS
) -> list[Equilibrium]:
    """The same for any equations.

    Math: see `zeros_near`.

    Reference: see `zeros_near`.

    Examples:
        >>> x = sp.Symbol("x", real=True)
        >>> [str(point) for point in zeros_of([x**2 - 2*x], [x], {x: 0})]
        ['x = 0: no kind decided', 'x = 2: no kind decided']
    """
    around = [float(sp.N(start[v])) for v in variables]
    boxes = isolated_zeros(equations, variables, around=around, starts=starts)
    far = lambda box: sum((float(box[v].mid()) - x) ** 2 for v, x in zip(variables, around, strict=True))
    return [_enclosed(equations, variables, box, start) for box in sorted(boxes, key=far)]


def ball_of(value: Any) -> arb:
    """A coordinate as a ball."""
    found = value.ball if isinstance(value, BallNumber) else enclose(value, precision=FINE)
    return arb("nan") if found is None else found


def _enclosed(field: list[Any], variables: list[Any], box: Mapping[Any, arb], start: Mapping[Any, Any]) -> Equilibrium:
    for chosen in (lambda v: (start[v], _short_fraction(box[v])), lambda v: (sp.S.Zero,)):
        same = {v: value for v in variables for value in reversed(chosen(v)) if _may_be(box[v], value)}
        if same and (smaller := _with_exact(field, variables, box, same)) is not None:
            return _told({v: same[v] if v in same else BallNumber(smaller[v]) for v in variables})
    fine = certify(field, variables, [float(box[v].mid()) for v in variables], precision=FINE) or box
    return _told({v: BallNumber(fine[v]) for v in variables})


def _told(point: Mapping[Any, Any]) -> Equilibrium:
    numbers = {v: x for v, x in point.items() if isinstance(x, BallNumber)}
    if not numbers:
        return Equilibrium(point)
    ends = {v: (sp.Float(float(x.ball.lower())), sp.Float(float(x.ball.upper()))) for v, x in numbers.items()}
    ends |= {v: (x, x) for v, x in point.items() if v not in numbers}
    return Equilibrium(point, known="enclosed", box={v: ends[v] for v in point})


def _short_fraction(ball: arb) -> Any:
    return sp.Rational(float(ball.mid())).limit_denominator(100)


def _may_be(ball: arb, value: Any) -> bool:
    found = enclose(value, precision=FINE)
    return found is not None and bool(ball.contains(found))


def _with_exact(
    field: list[Any], variables: list[Any], box: Mapping[Any, arb], same: Mapping[Any, Any]
) -> dict[Any, arb] | None:
    """The zero in the box, where it has these coordinates; None where that is not proved."""
    rest = [v for v in variables if v not in same]
    put = [evaluated(slope, same) for slope in field]
    left = [slope for slope in put if slope is not None and sp.expand(slope) != 0]
    if None in put or len(left) != len(rest):
        return None
    found = certify(left, rest, [float(box[v].mid()) for v in rest], precision=FINE) if rest else {}
    # inside the box it is the one zero there, with a Jacobian that is not singular
    return found if found is not None and all(box[v].contains(found[v]) for v in rest) else None


def linear_near(game: Any, rule: Rule, point: Mapping[Any, Any]) -> Linearisation:
    """A rule's Jacobian at a zero of the field with enclosed coordinates: exact in the parameters, derivatives there as
    `BallNumber`s.

    Raises: UnknownAnswer where the rule is not proved to leave the zero alone, or a derivative has no enclosure.

    Reference: Moore (1977), doi:10.1137/0714040.

    Examples:
        >>> from bilevel.game import Game, minimize
        >>> from bilevel.rules import simultaneous
        >>> x, h = sp.Symbol("x", real=True), sp.Symbol("h", positive=True)
        >>> game = Game(a=minimize(sp.exp(x) + x**2, x))
        >>> linear_near(game, simultaneous(h), zeros_near(game, {x: 0})[0].point).matrix
        Matrix([[-2.7034674225*h + 1]])
    """
    found = linear_in_letters(game, rule, {v: x.ball if isinstance(x, BallNumber) else x for v, x in point.items()})
    if found is None:
        raise UnknownAnswer(
            f"{rule.name} is not proved to rest at the enclosed point, or a derivative has no enclosure there",
            next_step="fix the parameters of the rule",
        )
    model, linear = found
    numbers = {letter: BallNumber(ball) for letter, ball in model.values.items()}
    return replace(linear, matrix=sp.ImmutableMatrix(linear.matrix.xreplace(numbers)))


def line_verdict(matrix: Any, time: str) -> Verdict:
    """The verdict on a matrix of numbers, or of numbers and one parameter, as intervals of that parameter.

    Known "enclosed": every piece of the line is decided, by enclosures; its ends are rounded to 12 digits. Known
    "float" where more than four variables have more than a dozen derivatives: these are rounded, which proves nothing
    at the ends of pieces.

    Reference: see `sections`.

    Examples:
        >>> h, c = sp.Symbol("h", positive=True), BallNumber(arb("2.5 +/- 1e-20"))
        >>> line_verdict(sp.Matrix([[1 - c*h]]), "discrete").condition
        h < 0.8
    """
    symbols = sorted(matrix.free_symbols, key=str)
    shown = sp.ImmutableMatrix(matrix)
    if not symbols:
        balls = [[enclose(entry) for entry in matrix.row(i)] for i in range(matrix.rows)]
        answer = enclosed_verdict(balls, time) if all(None not in row for row in balls) else None
        if answer is None:
            return unknown("an eigenvalue cannot be told from the boundary by enclosures", shown, time)
        return certain(answer, shown, time, known="enclosed", reason=REASON, characteristic_polynomial=None)
    if len(symbols) > 1:
        return unknown("more than one parameter is free at an enclosed point; try: fix all but one", shown, time)
    rough = matrix.rows > SMALL and len(matrix.atoms(BallNumber)) > LETTERS
    if rough:  # their determinants have millions of terms
        shown = shown.xreplace(
            {c: sp.Rational(c.ball.mid().str(DIGITS, radius=False)) for c in shown.atoms(BallNumber)}
        )
    try:
        line = sections([shown], symbols[0], time=time)
    except UnknownAnswer as stop:
        return unknown(str(stop), shown, time)
    if not line.complete:
        return unknown("two ends of pieces were not told apart by enclosures", shown, time)
    found = _as_verdict(line, shown, symbols[0], time)
    return replace(found, known="float", reason=ROUGHLY) if rough and found.condition is not None else found


def _as_verdict(line: Sections, matrix: Any, over: Any, time: str) -> Verdict:
    """The pieces as three sets; an end between two of them is marginal unless enclosures there say otherwise.

    Math: at an end some eigenvalues meet a boundary condition; that the spectral radius is 1 there follows by
        continuity where the sides differ, and where neither is unstable.
    """
    runs: list[list[Any]] = []  # [kind, low, high]: a ball twice for the point there, None for no end
    for k, piece in enumerate(line.pieces):
        if k:
            kinds = {runs[-1][0], piece.kinds[0]}
            here = _at_end(matrix, over, piece.low, time) or (MARGINAL if kinds != {UNSTABLE} else None)
            if here is None:
                return unknown(f"what holds at {over} = {_decimal(piece.low)} was not decided", matrix, time)
            _append(runs, here, piece.low, piece.low)
        _append(runs, piece.kinds[0], piece.low, piece.high)
    sets = {k: [_run(over, run) for run in runs if run[0] == k] for k in (STABLE, UNSTABLE, MARGINAL)}
    found = {kind: sp.Or(*parts) for kind, parts in sets.items()}
    whole = next((kind for kind, parts in sets.items() if all(not sets[k] for k in sets if k != kind)), "conditional")
    return Verdict(
        whole,
        found[STABLE],
        found[UNSTABLE],
        found[MARGINAL],
        marginal_why="an eigenvalue on the boundary" if sets[MARGINAL] else None,
        known="enclosed",
        time=time,
        jacobian=matrix,
        characteristic_polynomial=None,
        reason=REASON,
    )


def _at_end(matrix: Any, over: Any, end: arb, time: str) -> str | None:
    """The kind at an end of a piece, known by a ball."""
    saved = flint.ctx.prec
    try:
        flint.ctx.prec = 160
        balls = [[enclose(entry, {over: end}) for entry in matrix.row(i)] for i in range(matrix.rows)]
        return enclosed_verdict(balls, time) if all(None not in row for row in balls) else None
    finally:
        flint.ctx.prec = saved


def _append(runs: list[list[Any]], kind: str, low: Any, high: Any) -> None:
    if runs and runs[-1][0] == kind:
        runs[-1][2] = high
    else:
        runs.append([kind, low, high])


def _run(over: Any, run: list[Any]) -> Any:
    """A run as a condition. Strict inequalities of eigenvalues hold next to a point too, so those runs are open and
    the marginal ones closed."""
    kind, low, high = run
    if low is not None and low is high:
        return sp.Eq(over, _decimal(low))
    low = None if low is None or (over.is_positive and low.contains(0)) else low
    above, below = (sp.Ge, sp.Le) if kind == MARGINAL else (sp.Gt, sp.Lt)
    ends = [above(over, _decimal(low))] if low is not None else []
    return sp.And(*ends, *([] if high is None else [below(over, _decimal(high))]))


def _decimal(end: arb) -> Any:
    return sp.Float(end.mid().str(SHOWN, radius=False))

"""Verdicts and equilibria as the objects that --json prints.

Main definitions: `equilibrium_object`, `verdict_object`, `text`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, is_dataclass
from typing import Any

import sympy as sp

from bilevel.analysis.ball_number import BallNumber
from bilevel.analysis.certify import certificate_of
from bilevel.language.errors import BilevelError, GameError, UnknownAnswer
from bilevel.language.known_function import KnownFunction
from bilevel.language.mean import Mean
from bilevel.language.nodes import Stopped
from bilevel.language.text import write, write_polynomial
from bilevel.system import System

ADVICE = "try: give a point under [at], fix parameters with --set, or raise --budget"
NO_POINTS_IN_TIME = f"out of time while the fixed points were being found; {ADVICE}"


def text(expression: Any) -> str | None:
    """Canonical text that the safe reader reads back; algebraic numbers without radicals as decimals; SymPy's own where
    there is none; None for None."""
    if expression is None:
        return None
    try:
        return written(_with_decimals(expression))
    except GameError:
        return str(expression)


def _with_decimals(expression: Any) -> Any:
    """Indexed roots of polynomials, which the grammar has no words for, to the digits of a float; numbers known by a
    ball to those of its middle."""
    if not isinstance(expression, sp.Basic):
        return expression
    put = {root: root.evalf(15) for root in expression.atoms(sp.CRootOf)}
    put |= {number: number.decimal for number in expression.atoms(BallNumber)}
    return expression.xreplace(put) if put else expression


HEADS: dict[Any, str] = {Mean: "E", Stopped: "stop_gradient"}


def written(expression: Any) -> str:
    """`write` for expressions that may hold averages and partly known functions too."""
    waiting = [] if not isinstance(expression, sp.Basic) else _outermost(expression)
    stand_ins = {node: sp.Symbol(f"E_{index}_waiting", real=True) for index, node in enumerate(waiting)}
    shown = write(expression.xreplace(stand_ins) if stand_ins else expression)
    for node, symbol in stand_ins.items():
        head = HEADS[type(node)] if type(node) in HEADS else node.title + "'" * node.order
        shown = shown.replace(symbol.name, f"{head}({written(node.args[0])})")
    return shown


def _outermost(expression: Any) -> list[Any]:
    if isinstance(expression, Mean | Stopped | KnownFunction):
        return [expression]
    return list(dict.fromkeys(node for part in expression.args for node in _outermost(part)))


def heading_object(problem: Any, rule: Any) -> dict[str, Any]:
    """Title, rule and time of an answer, with no equilibria yet."""
    return {
        "title": problem.title,
        "rule": None if isinstance(problem.game, System) else rule.name,
        "time": rule.time,
        "equilibria": [],
        "complete": False,
    }


def point_object(point: Mapping[Any, Any]) -> dict[str, str | None]:
    """Coordinates by name."""
    return {str(variable): text(value) for variable, value in point.items()}


def state_order(game: Any, rule: Any) -> list[str]:
    """Labels of the state: the variables, then what the rule remembers of each (a previous iterate of x is x@1)."""
    names = [str(v) for v in game.variables]
    parts = [] if rule is None else [part for part, _ in rule.memory]
    return names + [f"{name}@{_age(part)}" for part in parts for name in names]


def _age(part: str) -> str:
    return (part.removeprefix("previous") or "1") if part.startswith("previous") else part


def verdict_object(
    verdict: Any,
    order: list[str],
    *,
    solve_for: Iterable[Any] = (),
    exists_on: Any = sp.true,
    certified: bool = True,
) -> dict[str, Any]:
    """A verdict as plain data."""
    matrix = sp.Matrix(verdict.jacobian)
    found: dict[str, Any] = {
        "jacobian": {"order": order, "rows": [[text(entry) for entry in matrix.row(i)] for i in range(matrix.rows)]},
        "characteristic_polynomial": _polynomial(verdict.characteristic_polynomial, matrix),
        "eigenvalues": None
        if verdict.eigenvalues is None
        else [{"value": text(value), "multiplicity": int(count)} for value, count in verdict.eigenvalues],
        "verdict": verdict.verdict,
        "condition": text(verdict.condition),
        "solved": solved(verdict, solve_for),
        "marginal_on": text(verdict.marginal_on),
        "marginal_why": verdict.marginal_why,
        "unstable_on": text(verdict.unstable_on),
        "exists_on": text(sp.And(verdict.exists_on, exists_on)) if verdict.exists_on is not None else None,
        "nonlinear": plain(verdict.nonlinear),
        "known": verdict.known,
        "certificate": certificate(verdict) if certified else None,
    }
    if verdict.transverse is not None:
        found["transverse"] = plain(verdict.transverse)
    if verdict.verdict == "unknown" or verdict.reason:
        found["reason"] = verdict.reason or "no reason was recorded"
    return found


def solved(verdict: Any, symbols: Iterable[Any]) -> dict[str, str | None]:
    """The condition solved for each symbol; None where no closed form is found."""
    found: dict[str, str | None] = {}
    for symbol in symbols:
        if verdict.condition is None:
            found[str(symbol)] = None
            continue
        try:
            found[str(symbol)] = text(verdict.solve(symbol))
        except UnknownAnswer:
            found[str(symbol)] = None
    return found


def certificate(verdict: Any) -> Any:
    """The certificate as JSON data, where the package can make one."""
    try:
        return plain(certificate_of(verdict))
    except BilevelError:
        return None


def plain(value: Any) -> Any:
    """Data that JSON can hold: expressions become text."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Mapping):
        return {str(key): plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(part) for part in value]
    if is_dataclass(value) and not isinstance(value, type):
        return plain(asdict(value))
    if isinstance(value, sp.MatrixBase):
        return [[text(entry) for entry in value.row(i)] for i in range(value.rows)]
    return text(value) if isinstance(value, sp.Basic) else str(value)


def _polynomial(polynomial: Any, matrix: Any) -> str | None:
    if polynomial is None:
        return None
    own = sorted((s for s in polynomial.free_symbols - matrix.free_symbols), key=str)
    if not own:
        return text(polynomial)
    variable = own[0]
    if variable.name == "lambda":  # z is taken, and lambda is no name the reader knows
        polynomial, variable = polynomial.xreplace({variable: sp.Symbol("z_")}), sp.Symbol("z_")
    try:
        return write_polynomial(polynomial, variable)
    except GameError:
        return text(polynomial)

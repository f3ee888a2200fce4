"""What linearisation cannot decide: equilibria with eigenvalues on the boundary, and continua of equilibria.

Main definition: `nonlinear`.

The roads, in order: a conserved quantity with a strict minimum at the point; linear theory, where the system is linear;
the normal form of a simple eigenvalue 0, 1, -1 or of a simple pair, when all other eigenvalues are strictly stable; a
quadratic Lyapunov function taken from the linear part. Where none of them decides the claim is "undecided".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sympy as sp

from bilevel.analysis.analyse import analyse
from bilevel.analysis.any_size_concrete import linearise_quadratic
from bilevel.analysis.conserved import change, conserved, strict_minimum
from bilevel.analysis.known import Known
from bilevel.analysis.normal_forms import flip, fold, hopf, neimark_sacker
from bilevel.analysis.state_map import StateMap, state_map
from bilevel.analysis.transverse import characteristic
from bilevel.language.errors import BilevelError, UnknownAnswer
from bilevel.rules.protocol.linear import linearise
from bilevel.rules.protocol.rule import Rule

ASYMPTOTIC, STABLE, UNSTABLE, UNDECIDED = "asymptotically stable", "Lyapunov stable", "unstable", "undecided"
Finding = dict[str, Any]
FEW_PARAMETERS = 3


def nonlinear(game: Any, rule: Rule, point: Mapping[Any, Any], verdict: Any = None) -> Finding | None:
    """What nonlinear terms decide where the linear verdict is marginal: {"claim", "by", ...}, or None if it is not.

    Math: "claim" is one of asymptotically stable, Lyapunov stable, unstable, undecided; "by" says what proves it;
        "quantity" or "coefficient" is that expression; "where" restricts the claim to a part of the marginal set.

    Raises: GameError if the point is not a fixed point of the rule.

    Reference: Kuznetsov (2004), Elements of Applied Bifurcation Theory; Mescheder et al. (2018), arXiv:1801.04406,
        lemma 2.3, for the example.

    Examples:
        >>> from bilevel.game import Game, maximize, minimize
        >>> from bilevel.rules import flow
        >>> x, y = sp.symbols("x y", real=True)
        >>> loss = -sp.log(1 + sp.exp(-x*y))
        >>> found = nonlinear(Game(a=minimize(loss, x), b=maximize(loss, y)), flow(), {x: 0, y: 0})
        >>> found["claim"], found["quantity"]
        ('Lyapunov stable', x**2 + y**2)
    """
    if verdict is None:
        linear = linearise(game, rule, point)
        verdict = analyse(linear.matrix, time=linear.time, assuming=game.assuming)
    if verdict.marginal_on in (None, sp.false):
        return None
    where = _interior(verdict.marginal_on)
    if where is None:
        return None
    if len(verdict.jacobian.free_symbols) == 0 and linearise_quadratic(game, rule, point) is not None:
        return _linear_numbers(verdict.jacobian, verdict.time)
    try:
        system = state_map(game, rule, point)
    except (BilevelError, TypeError, NotImplementedError) as problem:
        return {"claim": UNDECIDED, "by": f"no explicit map: {problem}"}
    known = Known([*game.assuming, *([where] if where != sp.true else [])])
    found = _decided(system, known)
    if where != sp.true and found["claim"] != UNDECIDED:
        found["where"] = where
    return found


def _interior(marginal: Any) -> Any:
    """The marginal set without its edges; None for a set that is thin, where parameters would have to be eliminated."""
    if marginal == sp.true:
        return sp.true
    if marginal.has(sp.Eq) or isinstance(marginal, sp.Or):
        return None
    return marginal.replace(sp.Le, sp.Lt).replace(sp.Ge, sp.Gt)


def _decided(system: StateMap, known: Known) -> Finding:
    roads: tuple[Any, ...] = (_by_conserved, _by_linearity, _by_normal_form, _by_lyapunov)
    if len(system.matrix.free_symbols) > FEW_PARAMETERS:  # quartic quantities in many parameters are out of reach
        roads = (_by_quadratic, _by_linearity, _by_normal_form, _by_lyapunov)
    reason = None
    for road in roads:
        try:
            found = road(system, known)
        except (UnknownAnswer, NotImplementedError, ZeroDivisionError, sp.PolynomialError, ValueError, TypeError):
            continue
        if found is not None and found["claim"] != UNDECIDED:
            return found
        reason = reason or found
    if reason is not None:
        return reason
    few = len(system.matrix.free_symbols) <= FEW_PARAMETERS
    advice = (
        "" if few else f"; fix parameters until {FEW_PARAMETERS} are left to have quantities of degree 4 searched for"
    )
    return {
        "claim": UNDECIDED,
        "by": f"no conserved quantity, normal form or Lyapunov function in reach decides{advice}",
    }


# ---- conserved quantities --------------------------------------------------------------------------


def _by_conserved(system: StateMap, known: Known, degree: int = 4, starts: Any = (1, 3)) -> Finding | None:
    for least in starts:
        found = conserved(system, known, degree, least)
        for quantity in (*found, *_sums(found, system, known)):
            if sign := strict_minimum(quantity, system, known):
                by = "conserved quantity with a strict minimum"
                return {"claim": STABLE, "by": by, "quantity": sp.primitive(sp.expand(sign * quantity))[1]}
    return None


def _by_quadratic(system: StateMap, known: Known) -> Finding | None:
    """As `_by_conserved`, for quantities of degree two at most."""
    return _by_conserved(system, known, degree=2, starts=(1,))


def _sums(found: tuple[Any, ...], system: StateMap, known: Known) -> list[Any]:
    """Combinations of conserved quantities that may have a minimum: sums of those that are nonnegative to second order,
    and linear combinations without a first-order part, plus squares of the deviations of all of them."""
    from bilevel.analysis.definiteness import definiteness

    if len(found) < 2:
        return []
    parts = []
    for quantity in found:
        hessian = sp.Matrix([[system.derivative(quantity, u, v) for u in system.variables] for v in system.variables])
        for sign in (1, -1):
            if definiteness(sign * hessian, known) in ("positive", "semi") and not hessian.is_zero_matrix:
                parts.append(sign * quantity)
                break
    sums = [sp.Add(*parts)] if len(parts) > 1 else []
    squares = sp.Add(*((v - v.subs(dict(system.point), simultaneous=True)) ** 2 for v in found))
    slopes = sp.Matrix([[system.derivative(v, u) for v in found] for u in system.variables])
    for flat in slopes.nullspace():
        quantity = sp.Add(*(c * v for c, v in zip(flat, found, strict=True)))
        sums += [sign * quantity + weight * squares for sign in (1, -1) for weight in (0, 1, 10)]
    return sums


# ---- linear systems --------------------------------------------------------------------------------


def _by_linearity(system: StateMap, known: Known) -> Finding | None:
    """A system that is linear in its state: stable when its eigenvalues are distinct, unstable at a Jordan block."""
    if not all(_affine(e, system.variables) for e in system.after):
        return None
    if all(e.is_Rational for e in system.matrix):
        return _linear_numbers(system.matrix, system.time)
    z = sp.Dummy("z")
    polynomial = characteristic(system.matrix, z)
    if known.nonzero(sp.discriminant(polynomial.as_expr(), z)):
        return {"claim": STABLE, "by": "the system is linear and its eigenvalues are distinct"}
    return None


def _affine(expression: Any, variables: Any) -> bool:
    polynomial = expression.as_poly(*variables)
    return polynomial is not None and polynomial.total_degree() <= 1


def _linear_numbers(matrix: Any, time: str) -> Finding:
    why = analyse(matrix, time=time).marginal_why or ""
    if "Jordan" in why:
        return {"claim": UNSTABLE, "by": "the system is linear with a Jordan block on the boundary"}
    return {"claim": STABLE, "by": "the system is linear and semisimple on the boundary"}


# ---- normal forms ----------------------------------------------------------------------------------


def _by_normal_form(system: StateMap, known: Known) -> Finding | None:
    z = sp.Dummy("z")
    polynomial = characteristic(system.matrix, z)
    discrete = system.time == "discrete"
    for factor, multiplicity in sp.factor_list(sp.cancel(polynomial.as_expr()), z)[1]:
        part = sp.Poly(factor, z)
        if part.degree() == 0 or multiplicity > 1 or not _rest_stable(polynomial, part, system, known):
            continue
        part = part.monic()
        if part.degree() == 1:
            found = _simple(system, known, sp.cancel(-part.all_coeffs()[1]), discrete)
        elif part.degree() == 2:
            _, linear, constant = part.all_coeffs()
            found = _pair(system, known, linear, constant, discrete)
        else:
            found = None
        if found is not None:
            return found
    return None


def _rest_stable(polynomial: Any, part: Any, system: StateMap, known: Known) -> bool:
    """Whether all other eigenvalues are strictly stable, under the facts."""
    rest, remainder = sp.div(polynomial, part)
    if sp.cancel(remainder.as_expr()) != 0:
        return False
    if rest.degree() == 0:
        return True
    coefficients = rest.monic().all_coeffs()
    companion = sp.zeros(rest.degree())
    for k, c in enumerate(coefficients[1:]):
        companion[0, k] = -sp.cancel(c)
        if k:
            companion[k, k - 1] = 1
    return analyse(companion, time=system.time, assuming=known.facts).verdict == "stable"


def _simple(system: StateMap, known: Known, eigenvalue: Any, discrete: bool) -> Finding | None:
    if known.zero(eigenvalue - (1 if discrete else 0)):
        found = fold(system)
        if found is None:
            return None
        square, cube = found
        if known.nonzero(square):
            return {"claim": UNSTABLE, "by": "fold: quadratic term on the centre manifold", "coefficient": square}
        if known.zero(square) and cube is not None:
            return _signed(cube, known, "fold: cubic term on the centre manifold", stable_sign="-")
    elif discrete and known.zero(eigenvalue + 1):
        coefficient = flip(system)
        if coefficient is not None:
            return _signed(coefficient, known, "flip: cubic coefficient of the normal form", stable_sign="+")
    return None


def _pair(system: StateMap, known: Known, linear: Any, constant: Any, discrete: bool) -> Finding | None:
    if not discrete:
        if not known.zero(linear) or known.sign(constant) != "+":
            return None
        coefficient = hopf(system, sp.sqrt(sp.cancel(constant)))
        name = "Hopf: first Lyapunov coefficient"
    else:
        # z^2 + linear z + 1 with |linear| < 2; linear = 1, 0 are the strong resonances of order 3 and 4.
        if not known.zero(constant - 1) or known.sign(4 - linear**2) != "+":
            return None
        if not (known.nonzero(linear) and known.nonzero(linear - 1)):
            return {"claim": UNDECIDED, "by": "strong resonances (of order 3 and 4) are not excluded"}
        coefficient = neimark_sacker(system, -linear / 2, sp.sqrt(sp.factor(1 - linear**2 / 4)))
        name = "Neimark-Sacker: cubic coefficient of the normal form"
    if coefficient is None or coefficient.has(sp.conjugate, sp.re, sp.im, sp.arg, sp.I):
        return None
    if known.zero(coefficient):
        return {"claim": UNDECIDED, "by": f"{name} vanishes: terms of higher order decide"}
    return _signed(coefficient, known, name, stable_sign="-")


def _signed(coefficient: Any, known: Known, by: str, *, stable_sign: str) -> Finding | None:
    sign = known.sign(coefficient)
    if sign not in ("+", "-"):
        return None
    claim = ASYMPTOTIC if sign == stable_sign else UNSTABLE
    return {"claim": claim, "by": by, "coefficient": coefficient}


# ---- Lyapunov functions ----------------------------------------------------------------------------


def _by_lyapunov(system: StateMap, known: Known) -> Finding | None:
    """A positive quadratic form that the linear part conserves and the whole system never increases."""
    shift = {v: v + system.point[v] for v in system.variables}
    after = tuple(e.subs(shift, simultaneous=True) for e in system.after)
    if system.time == "discrete":
        after = tuple(e - system.point[v] for e, v in zip(after, system.variables, strict=True))
    origin = dict.fromkeys(system.variables, sp.S.Zero)
    centred = StateMap(system.variables, after, system.time, origin)
    flat = tuple(system.matrix * sp.Matrix(system.variables))
    for quantity in conserved(StateMap(system.variables, flat, system.time, origin), known, degree=2):
        sign = strict_minimum(quantity, centred, known)
        if sign is None:
            continue
        form = sign * quantity
        rate = sp.factor(change(form, centred))
        if known.sign(rate) in ("-", "<=0", "0"):
            strict = _vanishes_only_at_origin(rate, system.variables, known)
            back = {v: v - system.point[v] for v in system.variables}
            quantity = form.subs(back, simultaneous=True)
            return {"claim": ASYMPTOTIC if strict else STABLE, "by": "Lyapunov function", "quantity": quantity}
    return None


def _vanishes_only_at_origin(rate: Any, variables: Any, known: Known) -> bool:
    """A sum of even monomials with negative coefficients that holds a pure power of every variable."""
    if not rate.is_polynomial(*variables):
        return False
    terms = sp.Poly(rate, *variables).terms()
    even = all(all(e % 2 == 0 for e in m) and known.sign(c) == "-" for m, c in terms)
    pure = {k for m, _ in terms for k, e in enumerate(m) if e and sum(m) == e}
    return even and pure == set(range(len(variables)))

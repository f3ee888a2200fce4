"""Named rewrites with conditions: theorems about expectations that no normal form shows, each giving a step of a proof.

Main definitions: `Rewrite`, `tower`, `sample_by_sample`, `score_is_centred`,
`score_as_pathwise`, `gaussian_by_parts`.

A rewrite takes an expression to an equal one under conditions that it states; it checks what can be checked (which
variables are bound, that the left side has the required form) and records the rest.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import sympy as sp

from bilevel.language.algebra import is_scalar
from bilevel.language.errors import GameError
from bilevel.language.expectation import E, Expectation
from bilevel.language.gradient import gradient, jacobian
from bilevel.language.laws import log_density, normal
from bilevel.language.nodes import dot, zero_like
from bilevel.language.normal_form import Step, normal_form
from bilevel.language.substitute import depends, free_variables

__all__ = [
    "Rewrite",
    "gaussian_by_parts",
    "sample_by_sample",
    "score_as_pathwise",
    "score_is_centred",
    "tower",
]


@dataclass(frozen=True)
class Rewrite:
    """An equation before = after that holds under stated conditions.

    Math: `conditions` are what the reader must grant; everything else was checked when the rewrite was made.
    Reference: bilevel.language.rewrites.
    Examples:
        >>> Rewrite("trivial", sp.S.One, sp.S.One, ()).step.rule
        'trivial'
    """

    name: str
    before: Any
    after: Any
    conditions: tuple[str, ...]

    @property
    def step(self) -> Step:
        """The rewrite as a step of a proof."""
        return Step(self.name, "; ".join(self.conditions) or "without conditions", self.before, self.after)

    def __str__(self) -> str:
        return str(self.step)


def tower(body: Any, variables: tuple[Any, ...], seen: Any, factor: Any = 1) -> Rewrite:
    """Average first over what is not seen: the tower rule, with a factor that depends on what is seen only.

    Math: E[c(g) f] = E[c(g) E[f | g]] for every function c of the observation g.
    Raises: GameError if the factor depends on a bound variable other than through the observation.
    Reference: Williams (1991), Probability with Martingales, section 9.7.
    Examples:
        >>> from bilevel.language.laws import bernoulli, data, random
        >>> from bilevel.language.networks import network
        >>> x, y = random("x", data("p", "n")), random("y", bernoulli(sp.Rational(1, 2)))
        >>> print(tower(y, (x, y), x, network("D")(x)).after)
        E_{x, y}[D(x)*E_{x, y}[y | x]]
    """
    factor = sp.sympify(factor, strict=True)
    hidden = _through(factor, seen, variables)
    if hidden:
        raise GameError(f"the factor {factor} depends on {hidden} other than through the observation {seen}")
    before = E(factor * body, *variables)
    after = E(factor * E(body, *variables, given=seen), *variables)
    return Rewrite("tower rule", before, after, (f"{body} and {factor} times {body} have finite expectations",))


def sample_by_sample(
    divergence: Callable[[Any, Any], Any], target: Any, guess: Any, variables: tuple[Any, ...], seen: Any
) -> Rewrite:
    """Loss against the target sample by sample, written against its conditional mean given what is seen.

    Math: if the divergence is F(r) + A(q) + r B(q), then E[D(r, q)] = E[D(E[r | g], q)] + E[D(r, c)] - E[D(E[r |
    g], c)], c = 1/2, for every guess q that is a function of the observation g. For cross-entropy F = 0 and the
    last two terms cancel; for every Bregman divergence they are free of the guess.
    Raises: GameError if the guess sees more than the observation, or the divergence has not this form.
    Reference: Banerjee, Guo, Wang (2005), doi 10.1109/TIT.2005.850145, theorem 1; Williams (1991), section 9.7.
    Examples:
        >>> from bilevel.language.laws import bernoulli, data, random
        >>> from bilevel.language.networks import network
        >>> x, y = random("x", data("p", "n")), random("y", bernoulli(sp.Rational(1, 2)))
        >>> sample_by_sample(lambda r, q: (r - q)**2, y, network("Q")(x), (x, y), x).name
        'tower rule, up to a term free of the guess'
    """
    hidden = _through(sp.sympify(guess, strict=True), seen, variables)
    if hidden:
        raise GameError(f"the guess {guess} depends on {hidden} other than through the observation {seen}")
    r, q = sp.Dummy("r", real=True), sp.Dummy("q", real=True)
    bend = gradient(gradient(divergence(r, q), r), r)
    mean, half = E(target, *variables, given=seen), sp.Rational(1, 2)
    before, after = E(divergence(target, guess), *variables), E(divergence(mean, guess), *variables)
    conditions = (f"{target} and the loss have finite expectations",)
    if normal_form(bend).is_zero:
        return Rewrite("tower rule", before, after, (*conditions, "the loss is affine in the target"))
    if not normal_form(gradient(bend, q)).is_zero:
        raise GameError("the divergence is not of the form F(r) + A(q) + r B(q); is its target the first argument?")
    rest = E(divergence(target, half), *variables) - E(divergence(mean, half), *variables)
    return Rewrite(
        "tower rule, up to a term free of the guess",
        before,
        after + rest,
        (*conditions, "the loss is F(r) + A(q) + r B(q)"),
    )


def score_is_centred(law: Any, variable: Any, parameter: Any) -> Rewrite:
    """The score has mean zero.

    Math: E_{x ~ p_v}[d log p_v(x) / d v] = d/dv of the integral of p_v = d 1/dv = 0.
    Shapes: as the parameter.
    Raises: GameError if the variable is not drawn from the law.
    Reference: Cramer (1946), Mathematical Methods of Statistics, section 32.3.
    Examples:
        >>> from bilevel.language.laws import density, random
        >>> from bilevel.language.nodes import vector
        >>> theta = vector("theta", "p")
        >>> a = random("a", density("pi", "k", theta))
        >>> score_is_centred(a.law, a, theta).after
        0
    """
    if getattr(variable, "law", None) != law:
        raise GameError(f"{variable} is not drawn from {law}")
    before = E(gradient(log_density(law, variable), parameter), variable)
    conditions = (
        f"the density is differentiable in {parameter}",
        "the derivative passes under the integral (dominated locally)",
    )
    return Rewrite("the score has mean zero", before, zero_like(before), conditions)


def score_as_pathwise(value: Expectation, parameter: Any) -> Rewrite:
    """The score-function derivative of an expectation equals its pathwise derivative: integration by parts.

    Math: with x = g(e, v), e ~ rho free of v: E[f(x) d_v log p_v(x)] + E[d_v f] = E[d_v (f o g)]; the boundary
    terms vanish.
    Shapes: as the gradient in the parameter.
    Raises: GameError where one of the two roads does not exist (no density, or no map from noise is known).
    Reference: Mohamed, Rosca, Figurnov, Mnih (2020), arXiv 1906.10652, sections 4 and 5.
    Examples:
        >>> from bilevel.language.laws import normal, random
        >>> mu = sp.Symbol("mu", real=True)
        >>> x = random("x", normal(mu, 1))
        >>> rewrite = score_as_pathwise(E(x**2, x), mu)
        >>> rewrite.before, rewrite.after
        (E_x[(-mu + x)*x^2], 2*E_x_1[mu + x_1])
    """
    before, after = (gradient(value, parameter, how=road) for road in ("score", "pathwise"))
    conditions = (
        "the integrand is continuously differentiable and grows at most polynomially with its derivative",
        "the density is continuously differentiable, and the density times the integrand vanishes at infinity",
        "the derivative passes under the integral on both roads",
    )
    return Rewrite("integration by parts", before, after, conditions)


def gaussian_by_parts(integrand: Any, variable: Any) -> Rewrite:
    """Stein's identity for a standard normal vector.

    Math: E[<z, f(z)>] = E[div f(z)]; here for f = grad h: E[<z, grad h(z)>] = E[trace of the Hessian of h].
    Raises: GameError if the variable is not standard normal.
    Reference: Stein (1981), doi 10.1214/aos/1176345632, lemma 2.
    Examples:
        >>> from bilevel.language.laws import normal, random
        >>> from bilevel.language.networks import network
        >>> z = random("z", normal("m"))
        >>> gaussian_by_parts(network("h")(z), z).before
        E_z[<d1 h(z), z>]
    """
    if is_scalar(variable) or variable.law != normal(variable.shape[0]):
        raise GameError(
            f"Stein's identity is stated for a standard normal vector; {variable} has the law {variable.law}"
        )
    slope = gradient(integrand, variable)
    before, after = E(dot(variable, slope), variable), E(sp.Trace(jacobian(slope, variable)), variable)
    return Rewrite(
        "Stein's identity",
        before,
        after,
        ("the integrand is twice differentiable, with derivatives of polynomial growth",),
    )


def _through(expr: Any, seen: Any, variables: tuple[Any, ...]) -> str:
    """The bound variables on which an expression depends once the observation is held fixed; empty if none."""
    held = sp.Dummy("seen", real=True) if is_scalar(seen) else sp.MatrixSymbol("seen", *seen.shape)
    rest = expr.xreplace({seen: held})
    return ", ".join(sorted(v.name for v in free_variables(rest) & set(variables) if depends(rest, v)))

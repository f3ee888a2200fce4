"""Entropies and relative entropies of laws: closed where the laws have a closed form, else averages of log-densities.

Main definitions: `entropy`, `relative_entropy`.
"""

from __future__ import annotations

from typing import Any

import sympy as sp

from bilevel.language.algebra import Dot, is_scalar, plus
from bilevel.language.errors import GameError
from bilevel.language.expectation import E
from bilevel.language.law_kinds import Law, Normal
from bilevel.language.laws import log_density, random
from bilevel.language.nodes import scale

__all__ = ["entropy", "relative_entropy"]


def relative_entropy(law: Law, other: Law, name: str = "u") -> Any:
    """The Kullback-Leibler divergence of one law from another, KL(law || other).

    Math: E_{u ~ law}[log law(u) - log other(u)]; of N(m, s I) from N(m', s' I) in R^n it is
        (n s/s' + |m - m'|^2/s' - n + n log(s'/s))/2; of finite laws on the same values the sum of p log(p/q). `name`
        names the variable averaged over where there is no closed form.

    Shapes: a scalar; laws of one dimension.

    Raises: GameError if the laws differ in dimension, or one has no density.

    Reference: Kullback and Leibler (1951), doi 10.1214/aoms/1177729694; Kingma and Welling (2014), arXiv 1312.6114,
        appendix B.

    Examples:
        >>> from bilevel.language.laws import bernoulli, normal
        >>> m, s = sp.Symbol("m", real=True), sp.Symbol("s", positive=True)
        >>> relative_entropy(normal(m, s), normal(0, 1))
        m**2/2 + s/2 - log(s)/2 - 1/2
    """
    if law.dim != other.dim:
        raise GameError(f"laws of one dimension are compared; got dimensions {law.dim} and {other.dim}")
    if isinstance(law, Normal) and isinstance(other, Normal):
        return _of_normals(law, other)
    if law.atoms_of is not None and other.atoms_of is not None:
        return _of_outcomes(law, other)
    drawn = random(name, law)
    return E(log_density(law, drawn) - log_density(other, drawn), drawn)


def entropy(law: Law, name: str = "u") -> Any:
    """The entropy of a law: differential entropy of a density, Shannon's entropy of finitely many values.

    Math: -E_{u ~ law}[log law(u)]; (n/2) log(2 pi e s) for N(m, s I) in R^n.

    Shapes: a scalar, in nats.

    Raises: GameError if the law has no density.

    Reference: Shannon (1948), doi 10.1002/j.1538-7305.1948.tb01338.x.

    Examples:
        >>> from bilevel.language.laws import bernoulli, normal
        >>> entropy(bernoulli(sp.Rational(1, 2)))
        log(2)
        >>> entropy(normal(0, 1))
        1/2 + log(2*pi)/2
    """
    if isinstance(law, Normal):
        size = 1 if law.dim is None else law.dim
        return size * (1 + sp.log(2 * sp.pi * law.args[1])) / 2
    if law.atoms_of is not None:
        return sp.Add(*[-p * sp.log(p) for _, p in law.atoms_of if p != 0])
    drawn = random(name, law)
    return E(-log_density(law, drawn), drawn)


def _of_normals(law: Normal, other: Normal) -> Any:
    (mean, spread), (centre, width) = law.args, other.args
    size = 1 if law.dim is None else law.dim
    apart = mean - centre if is_scalar(mean) else plus(mean, scale(sp.S.NegativeOne, centre))
    distance = apart**2 if is_scalar(apart) else Dot(apart, apart)
    grown = size * (spread / width - 1 - sp.log(spread / width))
    return sp.expand_log(sp.expand(grown / 2)) + distance / (2 * width)


def _of_outcomes(law: Law, other: Law) -> Any:
    shares = dict(other.atoms_of or ())
    total = sp.S.Zero
    for value, p in law.atoms_of or ():
        if p == 0:
            continue
        if value not in shares or shares[value] == 0:
            raise GameError(f"the second law lacks the outcome {value} of the first, so the divergence is infinite")
        total += p * sp.log(p / shares[value])
    return total

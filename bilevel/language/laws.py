"""Laws of random variables at the model level, and random variables.

Main definitions: `normal`, `bernoulli`, `uniform`, `categorical`, `finite`, `data`, `density`, `pushforward`; `random`,
`log_density`. The classes are in `law_kinds`.

A law is scalar (`dim` is None) or the law of a column vector. Its parameters may be any expressions, other random
variables included: a ~ pi(. | s, theta) is `density("pi", "k", s, theta)`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sympy as sp
from sympy import Expr, S, Tuple, ZeroMatrix
from sympy.core.symbol import Str

from bilevel.language.algebra import expression, is_column, is_scalar
from bilevel.language.errors import GameError
from bilevel.language.law_kinds import (
    Bernoulli,
    Categorical,
    Data,
    Density,
    Finite,
    Law,
    LogDensity,
    Normal,
    Pushforward,
    Uniform,
)
from bilevel.language.nodes import Dimension, RandomScalar, RandomVector, checked_name, dimension

__all__ = [
    "Bernoulli", "Categorical", "Data", "Density", "Finite", "Law", "LogDensity", "Normal", "Pushforward", "Uniform",
    "bernoulli", "categorical", "data", "density", "finite", "log_density", "normal", "pushforward", "random",
    "uniform",
]  # fmt: skip


def random(name: str, law: Law) -> Any:
    """A random variable with a law: a column vector, or a scalar for a scalar law.

    Math: z ~ law; bound by the expectation `E` that names it. Equal name and law mean the same variable.
    Shapes: (dim, 1), or a scalar.
    Raises: GameError if the second argument is no law.
    Reference: Schulman, Heess, Weber, Abbeel (2015), arXiv 1506.05254 (stochastic computation graphs).
    Examples:
        >>> random("z", normal("m")).shape
        (m, 1)
    """
    if not isinstance(law, Law):
        raise GameError(f"random({name!r}, law) needs a law such as normal('m') or data('p', 'n'); got {law!r}")
    name = checked_name(name)
    return RandomScalar(name, law) if law.dim is None else RandomVector(name, law.dim, S.One, law)


def log_density(law: Law, value: Expr) -> Expr:
    """Logarithm of a law's density (or probability) at a value.

    Math: log p(x; parameters), in closed form for normal, uniform and Bernoulli laws, else a `LogDensity` node.
    Raises: GameError where the law has no density to speak of (finite laws, pushforwards).
    Reference: Williams (1992), doi 10.1007/BF00992696.
    Examples:
        >>> x = sp.Symbol("x", real=True)
        >>> sp.diff(log_density(normal(0, 1), x), x)
        -x
    """
    found = law.log_density(value)
    if found is None:
        raise GameError(
            f"a {type(law).__name__.lower()} law has no density here; declare one with density(name, dim, *parameters)"
        )
    return found


def normal(mean: Any, variance: Any = None) -> Normal:
    """Normal law: normal("m") is standard on R^m; normal(mean, variance) takes a scalar or a vector mean.

    Math: N(mean, variance I).
    Shapes: scalar for a scalar mean, else as the mean.
    Raises: GameError for a variance that is no scalar or not positive.
    Reference: standard.
    Examples:
        >>> normal("m") == normal(ZeroMatrix(dimension("m"), 1), 1)
        True
    """
    if variance is None:
        return Normal(mean, S.One) if is_column(mean) else Normal(ZeroMatrix(dimension(mean), S.One), S.One)
    mean, variance = expression(mean), expression(variance)
    if not is_scalar(variance) or variance.is_positive is False:
        raise GameError(f"the variance of a normal law is a positive scalar (covariance variance * I); got {variance}")
    if not is_scalar(mean) and not is_column(mean):
        raise GameError(f"the mean of a normal law is a scalar or a column vector; got {mean}")
    return Normal(mean, variance)


def bernoulli(p: Any) -> Bernoulli:
    """The coin that shows 1 with probability p, else 0.

    Math: P(y = 1) = p, P(y = 0) = 1 - p.
    Raises: GameError if p is a number outside [0, 1].
    Reference: standard.
    Examples:
        >>> bernoulli(sp.Rational(1, 2)).atoms_of
        ((1, 1/2), (0, 1/2))
    """
    return Bernoulli(_probability(p))


def uniform(lower: Any, upper: Any) -> Uniform:
    """Uniform law on the interval from lower to upper.

    Math: density 1/(upper - lower) inside.
    Raises: GameError if the interval is empty.
    Reference: standard.
    Examples:
        >>> uniform(-1, 1).args
        (-1, 1)
    """
    lower, upper = expression(lower), expression(upper)
    if (upper - lower).is_positive is False:
        raise GameError(f"a uniform law needs lower < upper; got {lower} and {upper}")
    return Uniform(lower, upper)


def categorical(*probabilities: Any) -> Categorical:
    """The values 0, 1, ..., k - 1 with the given probabilities.

    Math: P(x = i) = p_i.
    Raises: GameError if numbers are outside [0, 1] or do not sum to 1.
    Reference: standard.
    Examples:
        >>> categorical(sp.Rational(1, 3), sp.Rational(2, 3)).atoms_of
        ((0, 1/3), (1, 2/3))
    """
    given = (
        probabilities[0]
        if len(probabilities) == 1 and isinstance(probabilities[0], (list, tuple, Tuple))
        else probabilities
    )
    return Categorical(*_probabilities(given))


def finite(values: Iterable[Any], probabilities: Iterable[Any]) -> Finite:
    """A law with finitely many values, scalars or vectors of one dimension.

    Math: P(x = v_i) = p_i.
    Raises: GameError if the lists do not match, or the numbers are no probabilities.
    Reference: standard.
    Examples:
        >>> half = sp.Rational(1, 2)
        >>> finite([-1, 1], [half, half]).atoms_of
        ((-1, 1/2), (1, 1/2))
    """
    points, weights = [expression(v) for v in values], _probabilities(probabilities)
    if len(points) != len(weights) or not points or len({None if is_scalar(v) else v.shape for v in points}) != 1:
        raise GameError(
            f"a finite law needs as many values (all of one shape) as probabilities; got {points} and {list(weights)}"
        )
    return Finite(Tuple(*points), Tuple(*weights))


def data(name: str, dim: Dimension | None = None) -> Data:
    """The law the data come from: nothing is known of it but its name (and dimension; none means scalar data).

    Math: x ~ p_data, free of every player's parameters.
    Raises: GameError for an unsafe name or an impossible dimension.
    Reference: Goodfellow et al. (2014), arXiv 1406.2661.
    Examples:
        >>> data("p_data", "n").dim
        n
    """
    return Data(Str(checked_name(name)), *([] if dim is None else [dimension(dim)]))


def density(name: str, dim: Dimension | None = None, *parameters: Any) -> Density:
    """A law with a density of unspecified form that may depend on parameters and on other random variables.

    Math: a ~ pi(a; parameters), positive and smooth; derivatives pass under the integral sign.
    Raises: GameError for an unsafe name, or parameters that are neither scalars nor columns.
    Reference: Sutton, McAllester, Singh, Mansour (2000), Policy gradient methods (NIPS 12).
    Examples:
        >>> from bilevel.language.nodes import vector
        >>> random("a", density("pi", "k", vector("theta", "p"))).shape
        (k, 1)
    """
    taken = [expression(parameter) for parameter in parameters]
    for parameter in taken:
        if not is_scalar(parameter) and not is_column(parameter):
            raise GameError(f"the density {name} depends on scalars and column vectors; got {parameter}")
    return Density(Str(checked_name(name)), Tuple(*([] if dim is None else [dimension(dim)])), *taken)


def pushforward(value: Expr, *variables: Any) -> Pushforward:
    """The law of an expression of random variables, such as G(z, theta).

    Math: the image of the variables' joint law; its expectation averages over the variables.
    Raises: GameError if the expression is no scalar or column, or no random variable is named.
    Reference: standard.
    Examples:
        >>> z = random("z", normal("m"))
        >>> pushforward(2*z, z).dim
        m
    """
    if not variables or not all(isinstance(v, (RandomVector, RandomScalar)) for v in variables):
        raise GameError(f"pushforward(value, *variables) names the random variables averaged over; got {variables}")
    if not is_scalar(value) and not is_column(value):
        raise GameError(f"pushforward takes a scalar or a column; got {value}")
    return Pushforward(value, *variables)


def _probability(value: Any) -> Expr:
    p = expression(value)
    if not is_scalar(p):
        raise GameError(f"a probability is a number or a scalar expression; got {value!r}")
    if p.is_number and not 0 <= p <= 1:
        raise GameError(f"a probability lies in [0, 1]; got {p}")
    return p


def _probabilities(values: Iterable[Any]) -> Tuple:
    weights = Tuple(*map(_probability, values))
    total = sum(weights, S.Zero)
    if total.is_number and total != 1 and sp.simplify(total - 1) != 0:
        raise GameError(f"probabilities sum to 1; {list(weights)} sum to {total}")
    return weights

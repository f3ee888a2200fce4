"""What networks and laws of unspecified form become: small random networks, finite laws, Gaussian families.

Main definitions: `Multilayer`, `Function`, `Counting`, `Gaussian`.

A form is static (sizes, wiring); its numbers are drawn apart, so that one compiled function serves every draw.

A data law or density becomes a law with finitely many outcomes x_k whose probabilities are a smooth function of its
parameters, p_k = exp(e(x_k)) / sum_j exp(e(x_j)), with log-density log p(x) = e(x) - log sum_j exp(e(x_j)).
Identities that hold for every law hold for it exactly, the score function included: sum_k dp_k f(x_k) = sum_k p_k
f(x_k) d log p_k. What needs an integral over a continuum (integration by parts) does not; `Gaussian` is there for it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

SPREAD = 0.6  # standard deviation of weights: values of order one, derivatives too


@dataclass(frozen=True)
class Multilayer:
    """A network with one hidden layer of tanh; if `packed`, its last argument holds its weights (in turn, on top of
    fixed ones).

    With as many parameters as weights every weight has its own parameter; with fewer some share one.
    """

    inputs: tuple[int, ...]  # sizes of the arguments
    out: int | None
    range: str
    packed: bool
    hidden: int = 3

    @property
    def entering(self) -> int:
        """Number of components that enter the first layer."""
        return sum(self.inputs[:-1] if self.packed else self.inputs)

    @property
    def sizes(self) -> dict[str, tuple[int, ...]]:
        """Shapes of what is drawn."""
        return {"weights": ((self.entering + 1) * self.hidden + (self.hidden + 1) * (self.out or 1),)}

    def __call__(self, numbers: Any, *arguments: Any) -> Any:
        """The value at the arguments: a number, or `out` of them."""
        weights = numbers["weights"]
        if self.packed:
            given = jnp.ravel(arguments[-1])
            weights = weights + given[np.arange(weights.shape[0]) % given.shape[0]]
            arguments = arguments[:-1]
        x = jnp.concatenate([jnp.ravel(a) for a in arguments]) if arguments else jnp.zeros(0, weights.dtype)
        wide, narrow = self.hidden * x.shape[0], self.hidden * (self.out or 1)
        first, shift, second, last = jnp.split(weights, np.cumsum([wide, self.hidden, narrow]))
        inner = jnp.tanh(first.reshape(self.hidden, -1) @ x + shift)
        value = second.reshape(-1, self.hidden) @ inner + last
        return value if self.out is not None else _ranged(value[0], self.range)


def _ranged(value: Any, kind: str) -> Any:
    return {"positive": jax.nn.softplus, "probability": jax.nn.sigmoid}.get(kind, lambda v: v)(value)


@dataclass(frozen=True)
class Function:
    """A network given as a JAX function of its arguments (arrays of one axis, or numbers)."""

    function: Callable[..., Any]
    sizes: Any = ()

    def __call__(self, numbers: Any, *arguments: Any) -> Any:
        """The value at the arguments."""
        return jnp.asarray(self.function(*arguments))


@dataclass(frozen=True)
class Counting:
    """A law with finitely many outcomes and smoothly varying probabilities."""

    energy: Multilayer
    size: int | None
    outcomes: int

    @property
    def sizes(self) -> dict[str, tuple[int, ...]]:
        """Shapes of what is drawn."""
        return {**self.energy.sizes, "points": (self.outcomes, *(() if self.size is None else (self.size,)))}

    def nodes(self, numbers: Any, *parameters: Any) -> tuple[Any, Any]:
        """Outcomes and their probabilities."""
        energies = self._energies(numbers, parameters)
        return numbers["points"], jax.nn.softmax(energies)

    def log_density(self, numbers: Any, value: Any, *parameters: Any) -> Any:
        """log p(value; parameters) with respect to counting the outcomes."""
        return self.energy(numbers, value, *parameters) - jax.nn.logsumexp(self._energies(numbers, parameters))

    def _energies(self, numbers: Any, parameters: Any) -> Any:
        return jax.vmap(lambda x: self.energy(numbers, x, *parameters))(numbers["points"])


@dataclass(frozen=True)
class Given:
    """A law with outcomes and probabilities given as arrays."""

    points: Any
    shares: Any
    sizes: Any = ()

    def nodes(self, numbers: Any, *parameters: Any) -> tuple[Any, Any]:
        """Outcomes and their probabilities."""
        return jnp.asarray(self.points), jnp.asarray(self.shares)

    def log_density(self, numbers: Any, value: Any, *parameters: Any) -> Any:
        """Logarithm of the probability of the outcome nearest to the value."""
        points = jnp.reshape(jnp.asarray(self.points), (len(self.shares), -1))
        nearest = jnp.argmin(jnp.sum((points - jnp.ravel(value)) ** 2, axis=1))
        return jnp.log(jnp.asarray(self.shares)[nearest])


@dataclass(frozen=True)
class Gaussian:
    """A normal law with unit variance around a network of the parameters, summed by the trapezoid rule."""

    mean: Multilayer
    size: int | None

    @property
    def sizes(self) -> dict[str, tuple[int, ...]]:
        """Shapes of what is drawn."""
        return self.mean.sizes

    def nodes(self, numbers: Any, *parameters: Any) -> tuple[Any, Any]:
        """Grid points, and density times cell size there."""
        return trapezoid(self._centre(numbers, parameters), 1.0, self.size)

    def log_density(self, numbers: Any, value: Any, *parameters: Any) -> Any:
        """log of the normal density."""
        apart = jnp.ravel(value) - jnp.ravel(self._centre(numbers, parameters))
        return -jnp.sum(apart**2) / 2 - apart.shape[0] * np.log(2 * np.pi) / 2

    def _centre(self, numbers: Any, parameters: Any) -> Any:
        return self.mean(numbers, *parameters)


STEP, REACH = 0.25, 8.0  # in standard deviations


def trapezoid(mean: Any, variance: Any, size: int | None) -> tuple[Any, Any]:
    """A normal law as a sum over a grid that does not move with the parameters: only the density does.

    The derivative of such a sum is the sum of value times score, exactly. The trapezoid rule itself errs by exp(-2
    pi d / h) for an integrand analytic in a strip of half-width d (Trefethen and Weideman 2014): about 1e-13 for the
    networks drawn here.
    """
    width = 1 if size is None else size
    one = np.arange(-REACH, REACH + STEP / 2, STEP)
    grid = np.stack(np.meshgrid(*[one] * width, indexing="ij"), axis=-1).reshape(-1, width)
    centre, spread = jnp.ravel(jnp.asarray(mean)), jnp.sqrt(jnp.asarray(variance))
    centre = jnp.broadcast_to(centre, (width,))
    fixed = jax.lax.stop_gradient(spread)
    points = jax.lax.stop_gradient(centre) + fixed * jnp.asarray(grid, dtype=jnp.result_type(centre, float))
    apart = (points - centre) / spread
    shares = jnp.exp(-jnp.sum(apart**2, axis=1) / 2) * (STEP * fixed / spread / np.sqrt(2 * np.pi)) ** width
    return (points[:, 0] if size is None else points), shares

"""Policies: deterministic, reparameterised, stochastic, Gaussian; to a blind policy its environment shows nothing.

Main definitions: `Policy`, `gaussian_policy`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bilevel.language.errors import GameError
from bilevel.language.laws import density, log_density, normal, random
from bilevel.language.networks import Network


@dataclass(frozen=True)
class Policy:
    """How the actor chooses: a network of what it sees, its own noise and its parameters, or a density.

    Math: with a network, a = pi(sight, eta, theta), eta the policy's noise (none: deterministic); with `law`, a
        function of sight and parameters, a ~ law(sight, theta); with neither, a ~ pi(. | sight, theta), a density of
        unspecified form called `name`; parameters None: one that nobody moves.

    Raises: GameError if neither a network nor a name is given.

    Reference: Silver et al. (2014), deterministic policy gradient; Heess et al. (2015), arXiv:1510.09142,
        reparameterised.

    Examples:
        >>> from bilevel.language import network, normal, random, vector
        >>> theta, z = vector("theta", "p"), random("z", normal("m"))
        >>> Policy(theta, network("G", out="n"), noise=(z,)).act((), None)
        (G(z, theta), (z,))
    """

    parameters: Any
    network: Network | None = None
    noise: tuple[Any, ...] = ()
    name: str = ""
    law: Callable[..., Any] | None = None

    def __post_init__(self) -> None:
        if self.network is None and self.law is None and not self.name:
            raise GameError("a policy needs a network, a law, or a name for a density of unspecified form")

    @property
    def stochastic(self) -> bool:
        """Whether the action is drawn from a density rather than computed."""
        return self.network is None

    def act(self, sight: tuple[Any, ...], action: Any, stamp: str = "") -> tuple[Any, tuple[Any, ...]]:
        """The action after some sight, and the random variables it adds to an average."""
        if self.network is None:
            dim = action.shape[0] if hasattr(action, "shape") else None
            name = f"{action.name}_{stamp}" if stamp else action.name
            drawn = random(name, self._law(sight, dim))
            return drawn, (drawn,)
        own = tuple(random(f"{x.name}_{stamp}", x.law) for x in self.noise) if stamp else self.noise
        return self.network(*sight, *own, self.parameters), own

    def _law(self, sight: tuple[Any, ...], dim: Any) -> Any:
        given = () if self.parameters is None else (self.parameters,)
        return self.law(*sight, *given) if self.law is not None else density(self.name, dim, *sight, *given)

    def log_probability(self, sight: tuple[Any, ...], action: Any) -> Any:
        """log pi(action | sight): of a policy that draws its action from a density."""
        if not self.stochastic:
            raise GameError(
                "the action of this policy is computed, so it has no density; give the policy a law "
                "(gaussian_policy) or a name"
            )
        dim = action.shape[0] if hasattr(action, "shape") else None
        return log_density(self._law(sight, dim), action)


def gaussian_policy(parameters: Any, mean: Network, variance: Any) -> Policy:
    """A policy that draws its action from a normal law around a network.

    Math: a ~ N(mean(sight, theta), variance I); `variance` is a positive expression, or a network of sight and
        parameters. Its gradient may be taken by the score or, since a = mean + sqrt(variance) z, pathwise.

    Shapes: the action as the mean.

    Reference: Williams (1992), doi 10.1007/BF00992696, section 6.

    Examples:
        >>> import sympy as sp
        >>> from bilevel.language import E, gradient, network, vector
        >>> theta, s = vector("theta", "p"), vector("s", "k")
        >>> policy = gaussian_policy(theta, network("mu", out="m"), sp.Symbol("v", positive=True))
        >>> a, drawn = policy.act((s,), vector("a", "m"))
        >>> print(gradient(E(network("Q")(a), *drawn), theta, how="pathwise"))
        E_a_1[(d2 mu(s, theta))^T d1 Q(sqrt(v) a_1 + mu(s, theta))]
    """

    def law(*given: Any) -> Any:
        return normal(mean(*given), variance(*given) if isinstance(variance, Network) else variance)

    return Policy(parameters, law=law)

"""Policies: deterministic, reparameterised, stochastic; a blind policy is one whose environment shows it nothing.

Main definitions: `Policy`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bilevel.language.errors import GameError
from bilevel.language.laws import density, random
from bilevel.language.networks import Network


@dataclass(frozen=True)
class Policy:
    """How the actor chooses: a network of what it sees, its own noise and its parameters, or a density.

    Math: with a network, a = pi(sight, eta, theta), eta the policy's noise (none: deterministic); without one,
        a ~ pi(. | sight, theta), a density of unspecified form called `name`; parameters None: one that nobody moves.

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

    def __post_init__(self) -> None:
        if self.network is None and not self.name:
            raise GameError("a policy needs a network, or a name for a density of unspecified form")

    @property
    def stochastic(self) -> bool:
        """Whether the action is drawn from a density rather than computed."""
        return self.network is None

    def act(self, sight: tuple[Any, ...], action: Any, stamp: str = "") -> tuple[Any, tuple[Any, ...]]:
        """The action after some sight, and the random variables it adds to an average."""
        if self.network is None:
            dim = action.shape[0] if hasattr(action, "shape") else None
            name = f"{action.name}_{stamp}" if stamp else action.name
            given = () if self.parameters is None else (self.parameters,)
            drawn = random(name, density(self.name, dim, *sight, *given))
            return drawn, (drawn,)
        own = tuple(random(f"{x.name}_{stamp}", x.law) for x in self.noise) if stamp else self.noise
        return self.network(*sight, *own, self.parameters), own

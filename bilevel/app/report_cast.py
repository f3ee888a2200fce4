"""The games the report is about, each built once from the library's own models.

Main definitions: `Cast`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import sympy as sp

from bilevel.game import Game
from bilevel.language import data, network, random, vector
from bilevel.language.laws import density
from bilevel.models import Environment, Policy, actor_critic, blind_actor_critic, gan, gan_environment, generator_policy
from bilevel.models.divergence import Divergence


@dataclass(frozen=True)
class Cast:
    """The games of the report, each built once."""

    @cached_property
    def minimax(self) -> Game:
        """Goodfellow's GAN: both players share one loss."""
        return gan()

    @cached_property
    def non_saturating(self) -> Game:
        """The generator loss used in practice, the paper's (5)."""
        return gan("non-saturating")

    @cached_property
    def labelled(self) -> Game:
        """The GAN with its label written out, the first line of the paper's (3)."""
        return gan(labelled=True)

    @cached_property
    def plain(self) -> Game:
        """The actor-critic method in the GAN's environment: the actor climbs Q at what the critic is shown."""
        return blind_actor_critic()

    @cached_property
    def scaled(self) -> Game:
        """The same with the actor's signal scaled by the slope of the divergence."""
        return blind_actor_critic(scaled=True)

    @cached_property
    def at_action(self) -> Game:
        """The same with Q queried at the action itself, as DPG does."""
        return blind_actor_critic(query="action")

    @cached_property
    def sighted(self) -> Game:
        """The actor sees the state: it is no GAN."""
        return blind_actor_critic(sighted=True)

    @property
    def plain_action(self) -> Any:
        """What the blind actor does: a = G(z, theta)."""
        world = gan_environment()
        return generator_policy().act(world.actor_sees, world.action)[0]

    @cached_property
    def general(self) -> Game:
        """An actor-critic method in any environment: the paper's (9) and (10), any divergence."""
        gap = network("Delta")
        any_divergence = Divergence("Delta", lambda target, estimate: gap(target, estimate))
        return _general(any_divergence, "residual gradient", inside=True)

    @cached_property
    def dpg(self) -> Game:
        """Deterministic policy gradient: squared error, online semi-gradient."""
        return _general(Divergence("squared", lambda target, estimate: (target - estimate) ** 2), "semi-gradient")


def _general(divergence: Divergence, mode: Any, *, inside: bool = False) -> Game:
    s, a = random("s_t", data("p", "k")), vector("a_t", "n")
    reward, after = random("r_t", density("R", None, s)), random("s_prime", density("P", "k", s, a))
    world = Environment(
        state=s, action=a, reward=reward, noise=(reward, after), critic_sees=(s, a), actor_sees=(s,),
        next_state=after, discount=sp.Symbol("gamma", nonnegative=True),
    )  # fmt: skip
    actor = Policy(vector("theta", "p"), network("pi", out="n"))
    return actor_critic(world, actor, network("Q"), vector("phi", "q"), divergence=divergence, mode=mode, inside=inside)

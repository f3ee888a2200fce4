"""Unrolled adversarial training: the generator sees where the discriminator will stand after some steps.

Main definitions: `unrolled_gan`, `unrolled_gan_instance`.
"""

from __future__ import annotations

from typing import Any

import sympy as sp

from bilevel.game import Game, Player
from bilevel.language.errors import GameError
from bilevel.language.instance import Instance
from bilevel.language.values import expression
from bilevel.models.gans import GeneratorLoss, gan, gan_instance
from bilevel.response import unrolled


def unrolled_gan(steps: int = 1, generator: GeneratorLoss = "non-saturating", *, step: Any = None) -> Game:
    """The unrolled GAN.

    Math: phi_0 = phi, phi_(k+1) = phi_k - s grad F(phi_k, theta), F the discriminator's loss; generator: min_theta of
        its loss at phi_K, differentiated through all K = `steps` of them; discriminator: min_phi F. At K = 0 the plain
        GAN; where the steps converge, K to infinity gives the gradient with the generator leading.

    Shapes: theta in R^p, phi in R^q, data in R^n, noise in R^m, all symbolic; the printed gradient grows with K.

    Raises: GameError unless `steps` is a whole number, 0 or more, or for an unknown generator loss.

    Reference: Metz, Poole, Pfau, Sohl-Dickstein (2017), arXiv:1611.02163, equations 7 to 12.

    Examples:
        >>> print(unrolled_gan()["generator"].through[0][1])
        unrolled 1, step s
    """
    if not isinstance(steps, int) or steps < 0:
        raise GameError(f"steps is a whole number, 0 or more; got {steps!r}")
    found = gan(generator)
    if steps > 0:
        size = sp.Symbol("s", positive=True) if step is None else expression(step, "a step")
        plain = found["generator"]
        through = (("discriminator", unrolled(steps, size)),)
        found = found.with_players(generator=Player(plain.moves, plain.loss, plain.sense, through))
    source = "Metz et al. 2017, arXiv:1611.02163"
    return Game(found.players, title="Unrolled GAN", source=source)


def unrolled_gan_instance() -> Instance:
    """The GAN of points, seen through the discriminator's next steps: the centre becomes attracting.

    Math: as `gan_instance`; unrolling adds curvature to the generator.

    Shapes: two scalars, and the step s.

    Reference: Mescheder, Geiger, Nowozin (2018), arXiv:1801.04406, for the points.

    Examples:
        >>> from bilevel.models import instance
        >>> game = instance("unrolled_gan")
        >>> game.jacobian().subs(dict.fromkeys(game.variables, 0))
        Matrix([
        [   0, 1/2],
        [-1/2, s/2]])
    """
    return gan_instance()

"""A pyramid of GANs falls apart into one game for each scale.

In LAPGAN each level is told the next coarser image of the data, not of the level above: no loss of one level depends on
the parameters of another, so every block of the Jacobian between two levels is zero, for networks of any form and
spaces of any dimension. Fixed points, stability and step sizes are those of the levels one by one. Within a level the
blocks are those of a conditional GAN: opposite transposes where the generator plays minimax.

Source: Denton, Chintala, Szlam, Fergus (2015), arXiv:1506.05751.
"""

from itertools import product

import sympy as sp

from bilevel.analysis import Proof, information_structure, shows, states
from bilevel.models import lapgan


def level(name: str) -> str:
    """The level a player or a node belongs to."""
    return name.rpartition("_")[2]


def prove() -> Proof:
    """The theorem with its evidence."""
    game = lapgan(2, "minimax")
    pairs = [(a, b) for a, b in product(game.players, repeat=2) if level(a) != level(b)]
    blocks = [game.jacobian(of=a, wrt=b) for a, b in pairs]
    gradients = [e for e in information_structure(game).edges if e.kind == "gradient"]
    claims = [
        states(
            "With three levels, all blocks between two levels are zero.",
            len(blocks) == 24 and all(isinstance(block, sp.ZeroMatrix) for block in blocks),
            note=f"{len(blocks)} blocks",
        ),
        states(
            "No gradient runs between levels.",
            bool(gradients) and all(level(e.source) == level(e.target) for e in gradients),
            note=", ".join(f"{e.source} to {e.target}" for e in gradients),
        ),
    ]
    for k in range(3):
        critic, maker = f"discriminator_{k}", f"generator_{k}"
        upper, lower = game.jacobian(of=critic, wrt=maker), game.jacobian(of=maker, wrt=critic)
        claims.append(shows(f"Within level {k} the blocks are opposite transposes.", upper, -lower.T))
    return Proof(31, "A pyramid of GANs falls apart", __doc__ or "", "Denton et al. 2015", tuple(claims))

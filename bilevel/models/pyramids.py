"""Laplacian pyramids of adversarial networks: one GAN for each scale of an image, each told the next coarser image.

Main definitions: `lapgan`, `lapgan_instance`.

Notation: images I_0 (fine) to I_K (coarse), I_k in R^(n_k); the pyramid's law is that of I_K and of each I_k given
I_(k+1); u_k enlarges I_(k+1) to the size of I_k; h_k = I_k - u_k(I_(k+1)) is the detail that level k learns.
"""

from __future__ import annotations

from typing import Any

from bilevel.game import Game, Player, minimize
from bilevel.language.errors import GameError
from bilevel.language.functions import sigmoid
from bilevel.language.instance import Instance
from bilevel.language.laws import data, density, normal, random
from bilevel.language.networks import network
from bilevel.language.nodes import vector
from bilevel.models.parts import classified, fooling


def lapgan(levels: int = 1, generator: str = "non-saturating") -> Game:
    """LAPGAN: at each of a number of levels a conditional GAN on the detail, at the coarsest a plain GAN.

    Math: level k < K, l_k = u_k(I_(k+1)), h_k = I_k - l_k: discriminator: min -E log D_k(h_k, l_k)
        - E log(1 - D_k(G_k(z_k, l_k), l_k)); generator: min -E log D_k(G_k(z_k, l_k), l_k). Level K = `levels`: a GAN
        on I_K. Images are made from coarse to fine by I_k = u_k(I_(k+1)) + G_k(z_k, u_k(I_(k+1))).

    Shapes: theta_k in R^(p_k), phi_k in R^(q_k), images in R^(n_k), noise in R^(m_k), all symbolic.

    Raises: GameError unless `levels` is a whole number, 0 or more, or for an unknown generator loss.

    Reference: Denton, Chintala, Szlam, Fergus (2015), arXiv:1506.05751, section 3.

    Examples:
        >>> print(lapgan().cost("generator_0"))
        -E_{I_1, z_0}[log(D_0(G_0(z_0, u_0(I_1), theta_0), u_0(I_1), phi_0))]
    """
    if not isinstance(levels, int) or levels < 0:
        raise GameError(f"levels is a whole number, 0 or more (the levels above the coarsest); got {levels!r}")
    images = [random(f"I_{levels}", data("p_coarse", f"n_{levels}"))]
    for k in reversed(range(levels)):
        images.insert(0, random(f"I_{k}", density(f"p_{k}", f"n_{k}", images[0])))
    players: dict[str, Player] = {}
    for k in range(levels + 1):
        players |= _level(k, images, generator)
    return Game(players, title="LAPGAN", source="Denton et al. 2015, arXiv:1506.05751")


def _level(k: int, images: list[Any], generator: str) -> dict[str, Player]:
    """The two players of one level."""
    theta, phi = vector(f"theta_{k}", f"p_{k}"), vector(f"phi_{k}", f"q_{k}")
    D, G = network(f"D_{k}", range="probability"), network(f"G_{k}", out=f"n_{k}")
    z, coarser = random(f"z_{k}", normal(f"m_{k}")), tuple(reversed(images[k + 1 :]))
    told = (network(f"u_{k}", out=f"n_{k}")(images[k + 1]),) if coarser else ()
    real = images[k] - told[0] if told else images[k]
    fake = D(G(z, *told, theta), *told, phi)
    loss = classified(D(real, *told, phi), (*coarser, images[k]), fake, (*coarser, z))
    return {
        f"discriminator_{k}": minimize(loss, phi),
        f"generator_{k}": minimize(fooling(fake, (*coarser, z), generator), theta),
    }


def lapgan_instance() -> Instance:
    """A pyramid of two numbers: the coarse image is 1, the fine one 3, enlarging changes nothing.

    Math: u_0(I) = I, D_k = sigmoid(phi_k (its image - what is real)), G_k = theta_k. Equilibrium theta = (2, 1),
        phi = 0.

    Shapes: four scalars.

    Reference: Mescheder, Geiger, Nowozin (2018), arXiv:1801.04406, for one level.

    Examples:
        >>> from bilevel.models import instance
        >>> instance("lapgan").variables
        (phi_0, theta_0, phi_1, theta_1)
    """
    return Instance(
        dims={f"{letter}_{k}": 1 for letter in "nmpq" for k in (0, 1)},
        networks={
            "u_0": lambda image: [image[0]],
            "G_0": lambda z, coarse, theta: [theta[0]],
            "G_1": lambda z, theta: [theta[0]],
            "D_0": lambda detail, coarse, phi: sigmoid(phi[0] * (detail[0] - 2)),
            "D_1": lambda image, phi: sigmoid(phi[0] * (image[0] - 1)),
        },
        laws={"p_coarse": ([[1]], [1]), "p_0": lambda coarse: ([[3 * coarse[0]]], [1])},
    )

"""Adversarial critics other than the classifier: least squares, Wasserstein, f-divergences, hinge, energy.

Main definitions: `lsgan`, `wgan`, `f_gan`, `f_divergence`, `FDivergence`, `hinge_gan`, `ebgan`, and instances.

Notation: data w ~ p_data in R^n, noise z ~ N(0, I) in R^m, generator G(z, theta), critic D(w, phi).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import sympy as sp

from bilevel.game import Game, Player, maximize, minimize
from bilevel.language.conjugates import Conjugate, conjugate
from bilevel.language.errors import GameError
from bilevel.language.expectation import E
from bilevel.language.functions import sigmoid
from bilevel.language.instance import Instance
from bilevel.language.laws import data, normal, random
from bilevel.language.networks import network
from bilevel.language.nodes import dot, norm2, vector
from bilevel.language.values import expression
from bilevel.models.gans import generator_network


@dataclass(frozen=True)
class _Parts:
    """What every adversarial game is made of: the critic on data and on generated points, and averages over each."""

    real: Any
    fake: Any
    w: Any
    z: Any
    theta: Any
    phi: Any


def _parts(range_: str = "real", name: str = "D") -> _Parts:
    theta, phi = vector("theta", "p"), vector("phi", "q")
    w, z = random("w", data("p_data", "n")), random("z", normal("m"))
    critic = network(name, range=range_)
    return _Parts(critic(w, phi), critic(generator_network()(z, theta), phi), w, z, theta, phi)


def _game(critic: Player, minimax: Any, other: Any, parts: _Parts, generator: str, title: str, source: str) -> Game:
    """The critic, and a generator that maximises its loss ("minimax") or minimises another ("non-saturating")."""
    losses = {"minimax": maximize(minimax, parts.theta), "non-saturating": minimize(other, parts.theta)}
    if generator not in losses:
        raise GameError(f"generator is 'minimax' or 'non-saturating'; got {generator!r}")
    return Game({"discriminator": critic, "generator": losses[generator]}, title=title, source=source)


def lsgan(a: Any = 0, b: Any = 1, c: Any = 1, *, generator: str = "non-saturating") -> Game:
    """The least-squares GAN.

    Math: discriminator: min_phi E_w (D(w) - b)^2/2 + E_z (D(G(z)) - a)^2/2; generator: min_theta E_z (D(G(z)) - c)^2/2
        ("non-saturating"), or the discriminator's loss maximised ("minimax").

    Shapes: theta in R^p, phi in R^q, data in R^n, noise in R^m, all symbolic.

    Raises: GameError for an unknown generator loss.

    Reference: Mao et al. (2017), arXiv:1611.04076, equation 9.

    Examples:
        >>> print(lsgan().cost("generator"))
        E_z[(D(G(z, theta), phi) - 1)^2/2]
    """
    parts = _parts()
    a, b, c = (expression(target, "a target") for target in (a, b, c))
    loss = E((parts.real - b) ** 2 / 2, parts.w) + E((parts.fake - a) ** 2 / 2, parts.z)
    other = E((parts.fake - c) ** 2 / 2, parts.z)
    source = "Mao et al. 2017, arXiv:1611.04076"
    return _game(minimize(loss, parts.phi), loss, other, parts, generator, "Least-squares GAN", source)


def wgan() -> Game:
    """The Wasserstein GAN.

    Math: min_theta max_phi E_w D(w) - E_z D(G(z)). The value is a Wasserstein distance when D ranges over 1-Lipschitz
        functions: a bound on the network, not on its values, so there is no pointwise best response.

    Shapes: theta in R^p, phi in R^q, data in R^n, noise in R^m, all symbolic.

    Reference: Arjovsky, Chintala, Bottou (2017), arXiv:1701.07875.

    Examples:
        >>> print(wgan().cost("generator"))
        -E_z[D(G(z, theta), phi)] + E_w[D(w, phi)]
    """
    parts = _parts()
    value = E(parts.real, parts.w) - E(parts.fake, parts.z)
    players = {"discriminator": maximize(value, parts.phi), "generator": minimize(value, parts.theta)}
    return Game(players, title="Wasserstein GAN", source="Arjovsky, Chintala, Bottou 2017, arXiv:1701.07875")


@dataclass(frozen=True)
class FDivergence:
    """A convex f with f(1) free, and an output activation whose values are slopes of f.

    Math: D_f(p || q) = E_q f(p/q) = sup_T E_p T - E_q f*(T), least upper bound at T = f'(p/q); T = activation(V).

    Reference: Nowozin, Cseke, Tomioka (2016), arXiv:1606.00709, tables 1, 2 and 6.

    Examples:
        >>> t = sp.Symbol("t", real=True)
        >>> f_divergence("KL").conjugate(t)
        exp(t - 1)
    """

    name: str
    f: Callable[[Any], Any]
    activation: Callable[[Any], Any]

    @cached_property
    def legendre(self) -> Conjugate:
        """The conjugate with its domain and the steps that lead to it."""
        u, t = sp.Symbol("u", positive=True), sp.Symbol("t", real=True)
        return conjugate(self.f(u), u, argument=t)

    def conjugate(self, slope: Any) -> Any:
        """f*(t), derived, not looked up."""
        form = sp.powsimp(self.legendre.expression).subs(self.legendre.argument, slope)
        return sp.expand_mul(form)

    def best_critic(self, p: Any, q: Any) -> Any:
        """T = f'(p/q)."""
        u = sp.Dummy("u", positive=True)
        return sp.diff(self.f(u), u).subs(u, p / q)


_F_DIVERGENCES = (
    FDivergence("KL", lambda u: u * sp.log(u), lambda v: v),
    FDivergence("reverse KL", lambda u: -sp.log(u), lambda v: -sp.exp(-v)),
    FDivergence("Pearson", lambda u: (u - 1) ** 2, lambda v: v),
    FDivergence("squared Hellinger", lambda u: (sp.sqrt(u) - 1) ** 2, lambda v: 1 - sp.exp(-v)),
    FDivergence(
        "Jensen-Shannon", lambda u: u * sp.log(u) - (u + 1) * sp.log((u + 1) / 2), lambda v: sp.log(2 * sigmoid(v))
    ),
    FDivergence("GAN", lambda u: u * sp.log(u) - (u + 1) * sp.log(u + 1), lambda v: sp.log(sigmoid(v))),
)


def f_divergence(name: str) -> FDivergence:
    """The f-divergence of that name: KL, reverse KL, Pearson, squared Hellinger, Jensen-Shannon, GAN.

    Math: f(u) = u log u, -log u, (u - 1)^2, (sqrt(u) - 1)^2, u log u - (u + 1) log((u + 1)/2),
        u log u - (u + 1) log(u + 1). "Jensen-Shannon" is twice the symmetric one; "GAN" is that less 2 log 2.

    Raises: GameError if there is none of that name.

    Reference: Nowozin, Cseke, Tomioka (2016), arXiv:1606.00709, tables 1 and 6.

    Examples:
        >>> p, q = sp.symbols("p q", positive=True)
        >>> f_divergence("Pearson").best_critic(p, q)
        2*p/q - 2
    """
    for found in _F_DIVERGENCES:
        if found.name == name:
            return found
    raise GameError(f"a divergence is one of {', '.join(repr(d.name) for d in _F_DIVERGENCES)}; got {name!r}")


def f_gan(divergence: str | FDivergence = "GAN", *, generator: str = "minimax") -> Game:
    """The f-GAN: a generator that minimises an f-divergence through its variational bound.

    Math: critic: max_phi E_w T(w) - E_z f*(T(G(z))), T = g(V) with a network V of real values and the activation g of
        the divergence; generator: the same minimised ("minimax"), or min_theta -E_z T(G(z)) ("non-saturating").

    Shapes: theta in R^p, phi in R^q, data in R^n, noise in R^m, all symbolic.

    Raises: GameError for an unknown divergence or generator loss.

    Reference: Nowozin, Cseke, Tomioka (2016), arXiv:1606.00709, equations 4 to 6.

    Examples:
        >>> print(f_gan().cost("discriminator"))
        E_z[-log(1 - sigmoid(V(G(z, theta), phi)))] - E_w[log(sigmoid(V(w, phi)))]
    """
    chosen = f_divergence(divergence) if isinstance(divergence, str) else divergence
    parts, v = _parts(name="V"), sp.Dummy("v", real=True)
    slope = chosen.activation(parts.fake)
    paid = chosen.conjugate(chosen.activation(v)).xreplace({v: parts.fake})
    value = E(chosen.activation(parts.real), parts.w) - E(paid, parts.z)
    title, source = f"f-GAN ({chosen.name})", "Nowozin, Cseke, Tomioka 2016, arXiv:1606.00709"
    return _game(maximize(value, parts.phi), -value, -E(slope, parts.z), parts, generator, title, source)


def hinge_gan(*, generator: str = "non-saturating") -> Game:
    """The hinge GAN.

    Math: discriminator: min_phi E_w max(0, 1 - D(w)) + E_z max(0, 1 + D(G(z))); generator: min_theta -E_z D(G(z))
        ("non-saturating"), or the discriminator's loss maximised ("minimax").

    Shapes: theta in R^p, phi in R^q, data in R^n, noise in R^m, all symbolic.

    Raises: GameError for an unknown generator loss.

    Reference: Lim and Ye (2017), arXiv:1705.02894; Miyato et al. (2018), arXiv:1802.05957.

    Examples:
        >>> print(hinge_gan().cost("generator"))
        -E_z[D(G(z, theta), phi)]
    """
    parts = _parts()
    loss = E(sp.Max(0, 1 - parts.real), parts.w) + E(sp.Max(0, 1 + parts.fake), parts.z)
    source = "Lim and Ye 2017, arXiv:1705.02894"
    return _game(minimize(loss, parts.phi), loss, -E(parts.fake, parts.z), parts, generator, "Hinge GAN", source)


def ebgan(margin: Any = None, *, generator: str = "non-saturating", pulling_away: Any = 0) -> Game:
    """The energy-based GAN: the critic gives data low energy and generated points energy up to a margin.

    Math: discriminator: min_phi E_w D(w) + E_z max(0, m - D(G(z))), D >= 0; generator: min_theta E_z D(G(z))
        ("non-saturating"), or the discriminator's loss maximised ("minimax"). The generator also pays `pulling_away`
        times E cos^2 of the angle between a layer S of the critic at two independent generated points, the average of
        the pulling-away term over a batch.

    Shapes: theta in R^p, phi in R^q, data in R^n, noise in R^m, features in R^l, all symbolic.

    Raises: GameError for an unknown generator loss.

    Reference: Zhao, Mathieu, LeCun (2017), arXiv:1609.03126, equations 1, 2 and 4.

    Examples:
        >>> print(ebgan().cost("generator"))
        E_z[D(G(z, theta), phi)]
    """
    parts = _parts("positive")
    m = sp.Symbol("m0", positive=True) if margin is None else expression(margin, "the margin")
    loss = E(parts.real, parts.w) + E(sp.Max(0, m - parts.fake), parts.z)
    weight = expression(pulling_away, "the weight of the pulling-away term")
    apart = weight * _alikeness(parts) if weight != 0 else sp.S.Zero
    source = "Zhao, Mathieu, LeCun 2017, arXiv:1609.03126"
    found = _game(minimize(loss, parts.phi), loss - apart, E(parts.fake, parts.z) + apart, parts, generator, "", source)
    return Game(found.players, title="Energy-based GAN", source=source)


def _alikeness(parts: _Parts) -> Any:
    """E cos^2 of the angle between the features of two independent generated points."""
    other, layer, make = random("z_other", parts.z.law), network("S", out="l"), generator_network()
    one, two = (layer(make(noise, parts.theta), parts.phi) for noise in (parts.z, other))
    return E(dot(one, two) ** 2 / (norm2(one) * norm2(two)), parts.z, other)


def f_gan_instance() -> Instance:
    """The f-GAN of points: data at 0, V(w) = phi w, G(z) = theta.

    Math: as `gan_instance`, for the divergence chosen.

    Shapes: two scalars.

    Reference: Mescheder, Geiger, Nowozin (2018), arXiv:1801.04406, for the points.

    Examples:
        >>> from bilevel.models import instance
        >>> game = instance("f_gan", divergence="Pearson")
        >>> game.jacobian().subs(dict.fromkeys(game.variables, 0))
        Matrix([
        [ 0, 1],
        [-1, 0]])
    """
    return Instance(
        dims={"n": 1, "m": 1, "p": 1, "q": 1},
        networks={"V": lambda w, phi: phi[0] * w[0], "G": lambda z, theta: [theta[0]]},
        laws={"p_data": ([[0]], [1])},
    )


def ebgan_instance() -> Instance:
    """The energy-based GAN of points: data at 0, energy (w - phi)^2, G(z) = theta.

    Math: D(w) = (w - phi)^2, an autoencoder that answers phi. Equilibrium theta = phi = 0, inside the margin.

    Shapes: two scalars, and the margin m0.

    Reference: Zhao, Mathieu, LeCun (2017), arXiv:1609.03126.

    Examples:
        >>> from bilevel.models import instance
        >>> instance("ebgan").cost("generator")
        (-phi + theta)**2
    """
    return Instance(
        dims={"n": 1, "m": 1, "l": 1, "p": 1, "q": 1},
        networks={
            "D": lambda w, phi: (w[0] - phi[0]) ** 2,
            "G": lambda z, theta: [theta[0]],
            "S": lambda w, phi: [w[0]],
        },
        laws={"p_data": ([[0]], [1])},
    )

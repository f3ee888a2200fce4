"""Adversarial critics: conjugates derived, best responses pointwise, gradients checked in coordinates."""

from __future__ import annotations

import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st

from bilevel import models
from bilevel.language import equal, sigmoid
from bilevel.language.errors import GameError
from bilevel.language.instance import Instance
from bilevel.language.instantiate import instantiate

NAMES = ("KL", "reverse KL", "Pearson", "squared Hellinger", "Jensen-Shannon", "GAN")
p, q = sp.symbols("p q", positive=True)
t, v = sp.symbols("t v", real=True)

#: Nowozin et al. 2016, tables 1 and 2: best critic, conjugate, f'(1).
TABLE = {
    "KL": (1 + sp.log(p / q), sp.exp(t - 1), 1),
    "reverse KL": (-q / p, -1 - sp.log(-t), -1),
    "Pearson": (2 * (p / q - 1), t**2 / 4 + t, 0),
    "squared Hellinger": (1 - sp.sqrt(q / p), t / (1 - t), 0),
    "Jensen-Shannon": (sp.log(2 * p / (p + q)), -sp.log(2 - sp.exp(t)), 0),
    "GAN": (sp.log(p / (p + q)), -sp.log(1 - sp.exp(t)), -sp.log(2)),
}

INSTANCE = Instance(
    dims={"n": 1, "m": 1, "p": 1, "q": 1},
    networks={
        "V": lambda x, phi: x[0] * phi[0] + phi[0] ** 2,
        "D": lambda x, phi: x[0] * phi[0] + phi[0] ** 2,
        "G": lambda z, theta: [theta[0]],
    },
    laws={"p_data": ([[1], [2]], [sp.Rational(1, 4), sp.Rational(3, 4)])},
)


@pytest.mark.parametrize("name", NAMES)
def test_tables_of_f_gans(name):  # G05
    found, (best, conjugate, slope) = models.f_divergence(name), TABLE[name]
    inside = {"KL": 0, "reverse KL": -1, "Pearson": 1, "squared Hellinger": sp.Rational(1, 2)}.get(name, -1)
    assert sp.N(found.conjugate(t).subs(t, inside) - conjugate.subs(t, inside), 20) == pytest.approx(0, abs=1e-15)
    assert sp.simplify(sp.expand_log(found.best_critic(p, q) - best, force=True)) == 0
    u = sp.Symbol("u", positive=True)
    assert sp.simplify(sp.diff(found.f(u), u).subs(u, 1) - slope) == 0


@pytest.mark.parametrize("name", NAMES)
@given(at=st.fractions(-3, 3, max_denominator=20), ratio=st.fractions("1/20", 5, max_denominator=20))
def test_fenchel_and_young(name, at, ratio):
    """u t <= f(u) + f*(t) at every activation t, with equality at t = f'(u)."""
    found = models.f_divergence(name)
    u = sp.Rational(ratio)
    slope = found.activation(sp.Rational(at))
    if name == "Pearson" and sp.Rational(at) <= -2:
        return  # outside the range of slopes
    gap = found.f(u) + found.conjugate(slope) - u * slope
    assert sp.N(gap, 30) >= -1e-20
    best = found.best_critic(u, sp.S.One)
    assert abs(sp.N(found.f(u) + found.conjugate(best) - u * best, 30)) < 1e-20


@pytest.mark.parametrize("name", NAMES)
def test_activations_stay_in_the_conjugates_domain(name):
    found = models.f_divergence(name)
    if name == "Pearson":
        return  # its quadratic conjugate is used on the whole line, as in the paper
    for value in (-5, -1, 0, 1, 5):
        assert found.activation(sp.Integer(value)) in found.legendre.domain


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("generator", ["minimax", "non-saturating"])
def test_fields_by_two_roads(name, generator):
    """Derive and then choose coordinates, or choose coordinates and then differentiate."""
    _same_on_instance(models.f_gan(name, generator=generator))


@pytest.mark.parametrize("generator", ["minimax", "non-saturating"])
def test_other_fields_by_two_roads(generator):
    _same_on_instance(models.lsgan(sp.Symbol("a"), 1, 2, generator=generator))
    _same_on_instance(models.hinge_gan(generator=generator))
    _same_on_instance(models.ebgan(3, generator=generator))
    _same_on_instance(models.wgan())


def _same_on_instance(game):
    derived = [entry for slope in game.field().values() for entry in instantiate(slope, INSTANCE)]
    direct = list(instantiate(game, INSTANCE).field().values())
    for one, other in zip(derived, direct, strict=True):
        difference = one - other
        values = dict.fromkeys(sorted(difference.free_symbols, key=str), sp.Rational(1, 3))
        assert abs(sp.N(difference.subs(values), 30)) < 1e-25


def test_the_gan_is_an_f_gan():
    """With D = sigmoid(V) the f-GAN of that name is the GAN, loss for loss."""
    instance = Instance(
        dims=INSTANCE.dims,
        networks={**INSTANCE.networks, "D": lambda x, phi: sigmoid(INSTANCE.networks["V"](x, phi))},
        laws=INSTANCE.laws,
    )
    ours, theirs = (instantiate(game, instance) for game in (models.f_gan(), models.gan()))
    for player in ("discriminator", "generator"):
        difference = ours.cost(player) - theirs.cost(player)
        assert sp.expand(difference) == 0


def test_least_squares_best_response():  # G06
    a, b = sp.symbols("a b", real=True)
    u = sp.Symbol("u", real=True)
    (best,) = sp.solve(sp.diff(p * (u - b) ** 2 / 2 + q * (u - a) ** 2 / 2, u), u)
    assert sp.simplify(best - (b * p + a * q) / (p + q)) == 0
    value = sum(weight * (best.subs({b: 1, a: -1}) - 0) ** 2 for weight in (p, q))  # b - c = 1, b - a = 2
    assert sp.simplify(value - (2 * q - (p + q)) ** 2 / (p + q)) == 0


def test_minimax_generators_oppose_the_critic():
    for make in (models.lsgan, models.hinge_gan, models.ebgan, models.f_gan):
        game = make(generator="minimax")
        assert equal(game.cost("generator"), -game.cost("discriminator")).answer is True


def test_unknown_choices_are_refused():
    with pytest.raises(GameError, match="minimax"):
        models.lsgan(generator="sideways")
    with pytest.raises(GameError, match="Pearson"):
        models.f_gan("chi")

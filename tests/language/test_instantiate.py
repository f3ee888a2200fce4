"""Coordinates: derivatives before and after agree, expectations are exact or pending, games keep their structure."""

from __future__ import annotations

import pytest
import sympy as sp

from bilevel.game import Game, maximize, minimize
from bilevel.language.errors import GameError, UnknownAnswer
from bilevel.language.expectation import E
from bilevel.language.functions import sigmoid
from bilevel.language.gradient import gradient, jacobian
from bilevel.language.instance import Instance, Outcomes, PendingExpectation
from bilevel.language.instantiate import instantiate
from bilevel.language.laws import bernoulli, data, density, log_density, normal, pushforward, random, uniform
from bilevel.language.networks import network
from bilevel.language.nodes import dot, stop_gradient, vector

theta, phi = vector("theta", "p"), vector("phi", "q")
z, x = random("z", normal("m")), random("x", data("p_data", "n"))
D, G, V = network("D", range="probability"), network("G", out="n"), network("V")
fake = G(z, theta)

TWO = Instance(
    dims={"p": 2, "q": 2, "n": 2, "m": 2},
    networks={
        "D": lambda w, phi: sigmoid(w[0] * phi[0] + w[1] * phi[1] ** 2),
        "G": lambda z, t: [t[0] + z[0] * t[1], t[0] * t[1] + z[1]],
        "V": lambda w, phi: w[0] ** 2 * phi[0] + w[1] * phi[1] * w[0],
    },
    laws={"p_data": ([[0, 1], [1, 2]], ["1/3", "2/3"])},
)


def by_hand(loss, name, size=2):
    """The gradient of the instantiated loss by SymPy."""
    return sp.ImmutableMatrix([sp.diff(loss, sp.Symbol(f"{name}_{k + 1}", real=True)) for k in range(size)])


@pytest.mark.parametrize(
    ("loss", "variable"),
    [
        (E(sp.log(D(x, phi)), x), phi),
        (E(V(fake, phi), z), theta),
        (E(V(fake, phi) ** 2, z), phi),
        (dot(theta, theta) * E(V(x, phi), x), theta),
        (E(V(x, phi) * V(fake, phi), x, z), theta),
    ],
)
def test_differentiating_and_instantiating_commute(loss, variable):
    first = instantiate(gradient(loss, variable), TWO)
    second = by_hand(instantiate(loss, TWO), variable.name)
    assert (first - second).applyfunc(sp.simplify) == sp.zeros(2, 1)


def test_second_derivatives_commute_too():
    loss = E(V(fake, phi), z)
    block = instantiate(jacobian(gradient(loss, theta), phi), TWO)
    coordinates = instantiate(loss, TWO)
    names = [[sp.Symbol(f"{v}_{k}", real=True) for k in (1, 2)] for v in ("theta", "phi")]
    assert (block - sp.Matrix(2, 2, lambda i, j: sp.diff(coordinates, names[0][i], names[1][j]))).expand() == sp.zeros(
        2, 2
    )


def test_gaussian_moments_are_exact():
    a, b = sp.symbols("theta_1 theta_2", real=True)
    assert sp.expand(instantiate(E(dot(fake, fake), z), TWO) - (a**2 + b**2 + a**2 * b**2 + 1)) == 0
    s = sp.Symbol("s", positive=True)
    e = random("e", normal(a, s**2))
    assert sp.expand(instantiate(E(e**3, e), TWO) - a**3 - 3 * a * s**2) == 0
    t = random("t", uniform(0, a))
    assert instantiate(E(t**2, t), TWO) == a**2 / 3


def test_what_has_no_closed_form_stays_pending_and_differentiates():
    loss = instantiate(E(sp.log(D(fake, phi)), z), TWO)
    assert isinstance(loss, PendingExpectation)
    slope = sp.diff(loss, sp.Symbol("phi_1", real=True))
    assert isinstance(slope, PendingExpectation)
    assert {symbol.name for symbol, _ in loss.drawn} == {"z_1", "z_2"}


def test_the_coin_and_the_pushforward():
    coin, image = random("y", bernoulli(sp.Rational(1, 2))), random("w", pushforward(fake, z))
    assert instantiate(E(coin * V(x, phi), coin, x), TWO) == instantiate(E(V(x, phi), x) / 2, TWO)
    assert instantiate(E(V(image, phi), image) - E(V(fake, phi), z), TWO).expand() == 0


def test_densities_with_parameters_and_their_scores():
    t = sp.Symbol("t", real=True)
    a = random("a", density("pi", None, t))
    share = 1 / (1 + t**2)
    instance = Instance(
        networks={"V": lambda a: a + 5}, laws={"pi": lambda t: ([0, 1], [1 / (1 + t**2), t**2 / (1 + t**2)])}
    )
    value = E(V(a), a)
    assert sp.simplify(instantiate(value, instance) - 5 - (1 - share)) == 0
    assert sp.simplify(instantiate(gradient(value, t), instance) - sp.diff(1 - share, t)) == 0
    assert sp.simplify(instantiate(E(gradient(log_density(a.law, a), t), a), instance)) == 0
    smooth = Instance(networks={"V": lambda a: a**2}, laws={"pi": lambda t: normal(t, 1)})
    assert sp.expand(instantiate(gradient(value, t), smooth)) == 2 * t


def test_conditional_expectations_of_finite_laws():
    coin = random("y", bernoulli(sp.Rational(1, 2)))
    shown = coin * x + (1 - coin) * vector("u", "n")
    instance = Instance(
        dims={"n": 1}, networks={"Q": lambda w: w[0]}, laws={"p_data": ([0, 1], ["1/4", "3/4"])}, vectors={"u": [1]}
    )
    seen = E(coin, x, coin, given=shown)
    assert instantiate(E(seen, x, coin), instance) == sp.Rational(1, 2)
    assert instantiate(E(seen**2, x, coin), instance) == sp.Rational(1, 8) + sp.Rational(7, 8) * sp.Rational(3, 7) ** 2
    with pytest.raises(UnknownAnswer, match="free symbols"):
        instantiate(E(seen, x, coin), Instance(dims={"n": 1}, laws={"p_data": ([0, 1], ["1/4", "3/4"])}))


def test_stopped_gradients_stay_unless_values_are_asked_for():
    expr = stop_gradient(dot(theta, theta))
    a, b = sp.symbols("theta_1 theta_2", real=True)
    assert instantiate(expr, TWO) == stop_gradient(a**2 + b**2)
    assert instantiate(expr, TWO, values=True) == a**2 + b**2


def test_the_dirac_gan_as_a_game():
    psi, w = vector("psi", "k"), vector("w", "n")
    real = sp.log(D(w, psi))
    loss = real + sp.log(1 - D(theta, psi))
    game = Game(generator=minimize(loss, theta), discriminator=maximize(loss, psi))
    instance = Instance(
        dims={"p": 1, "k": 1, "n": 1}, networks={"D": lambda w, psi: sigmoid(psi[0] * w[0])}, vectors={"w": [0]}
    )
    dirac = instantiate(game, instance)
    t, s = sp.symbols("theta psi", real=True)
    assert dirac.variables == (t, s)
    assert dirac.jacobian().subs({t: 0, s: 0}) == sp.Matrix([[0, -sp.Rational(1, 2)], [sp.Rational(1, 2), 0]])


def test_what_is_missing_is_named():
    with pytest.raises(GameError, match="dimension p"):
        instantiate(dot(theta, theta), Instance())
    with pytest.raises(GameError, match="no network 'V'"):
        instantiate(V(theta, theta), Instance(dims={"p": 1}))
    with pytest.raises(GameError, match="no law 'p_data'"):
        instantiate(E(V(x, x), x), Instance(dims={"n": 1}, networks={"V": lambda a, b: a[0]}))
    with pytest.raises(GameError, match="2 components"):
        instantiate(G(z, theta), Instance(dims={"n": 2, "p": 1, "m": 1}, networks={"G": lambda z, t: [t[0]]}))
    with pytest.raises(GameError, match="dimension 2"):
        instantiate(theta, Instance(dims={"p": 2}, vectors={"theta": [1]}))


def test_outcomes_may_be_given_as_data():
    law = Outcomes((sp.ImmutableMatrix([1, 0]), sp.ImmutableMatrix([0, 1])), (sp.Rational(1, 2), sp.Rational(1, 2)))
    assert instantiate(E(x, x), Instance(dims={"n": 2}, laws={"p_data": law})) == sp.ImmutableMatrix([1, 1]) / 2

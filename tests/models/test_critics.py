"""Critics: three modes, every divergence, and the expectation inside or outside it; each gradient by a second road."""

from __future__ import annotations

import pytest
import sympy as sp

from bilevel import models
from bilevel.language import E, equal, network, normal, release, stop_gradient, vector
from bilevel.language.errors import GameError
from bilevel.language.gradient import gradient
from bilevel.language.instance import Instance
from bilevel.language.instantiate import instantiate
from bilevel.language.rewrites import Rewrite

gamma = sp.Symbol("gamma", positive=True)
reward = sp.Symbol("c", real=True)
MODES = ("residual gradient", "semi-gradient", "target copy")
DIVERGENCES = (
    models.squared,
    models.cross_entropy,
    models.bregman("quartic", lambda t: t**4 + t**2),
    models.bregman("entropy", lambda t: t * sp.log(t) + (1 - t) * sp.log(1 - t)),
)

#: States 1 and 2 with a deterministic law of rewards and a transition that depends on state and action.
INSTANCE = Instance(
    dims={"k": 1, "m": 1, "p": 1, "q": 1},
    networks={
        "pi": lambda s, theta: [s[0] * theta[0]],
        "Q": lambda s, a, phi: (1 + s[0]) * phi[0] + a[0] * phi[0] ** 2,
    },
    laws={
        "rho": ([[1], [2]], [sp.Rational(1, 3), sp.Rational(2, 3)]),
        "R": lambda s, a: ([s[0] / 4 + reward], [1]),
        "P": lambda s, a: ([[s[0] + a[0]]], [1]),
    },
)


def by_hand(mode, divergence):
    """The critic's gradient in coordinates: SymPy's derivative of the loss written out, targets held by symbols."""
    phi, theta, held = sp.Symbol("phi", real=True), sp.Symbol("theta", real=True), sp.Symbol("held", real=True)

    def q(s, a, weight):
        return (1 + s) * weight + a * weight**2

    later = phi if mode == "residual gradient" else held
    loss = 0
    for s, p in ((1, sp.Rational(1, 3)), (2, sp.Rational(2, 3))):
        a = s * theta
        target = sp.Rational(s, 4) + reward + gamma * q(s + a, (s + a) * theta, later)
        loss += p * divergence(target, q(s, a, phi))
    slope = sp.diff(loss, phi)
    return slope.subs(held, sp.Symbol("phi_copy", real=True) if mode == "target copy" else phi)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("divergence", DIVERGENCES, ids=lambda d: d.name)
def test_the_critics_gradient_by_two_roads(mode, divergence):
    game = models.deterministic_policy_gradient(mode=mode, divergence=divergence)
    phi = game["critic"].moves[0]
    derived = instantiate(game.field()[phi], INSTANCE)[0]
    point = {
        name: sp.Rational(1, k) for name, k in (("phi", 7), ("theta", 5), ("phi_copy", 11), ("gamma", 3), ("c", 9))
    }
    expected = by_hand(mode, divergence)
    values = {s: point[s.name] for s in derived.free_symbols | expected.free_symbols}
    assert sp.N(derived.subs(values) - expected.subs(values), 30) == pytest.approx(0, abs=1e-25)


def test_the_modes_differ_exactly_in_the_target():
    fields = {}
    for mode in MODES:
        game = models.deterministic_policy_gradient(mode=mode)
        fields[mode] = game.field()[vector("phi", "q")]
    assert equal(fields["residual gradient"], fields["semi-gradient"]).answer is False
    copied = fields["target copy"].subs(vector("phi_copy", "q"), vector("phi", "q"))
    assert equal(copied, fields["semi-gradient"]).answer is True


def test_the_copy_is_driven_by_the_critic():
    game = models.nfqca()
    copy, phi = vector("phi_copy", "q"), vector("phi", "q")
    assert game.field()[copy] == copy - phi


@pytest.mark.parametrize("mode", MODES)
def test_without_a_future_the_modes_agree(mode):
    phi, make = vector("phi", "q"), models.deterministic_policy_gradient
    plain, other = (make(bootstrap=False, mode=m).field()[phi] for m in ("semi-gradient", mode))
    assert equal(plain, other).answer is True


def test_a_behaviour_policy_only_moves_the_critics_data():
    other = models.Policy(None, name="beta")
    game = models.deterministic_policy_gradient(behaviour=other)
    plain = models.deterministic_policy_gradient()
    assert game.cost("actor") == plain.cost("actor")
    assert "beta" in {getattr(law, "name", "") for law in _laws(game.cost("critic"))}


def _laws(expression):
    return [v.law for part in sp.preorder_traversal(expression) for v in getattr(part, "variables", ())]


def test_td_error_actor_by_two_roads():
    """-E[sg(delta) log pi], a drawn at the stopped parameters, has the score-function gradient of -E[sg(delta)]."""
    game = models.traditional_actor_critic()
    theta, phi = vector("theta", "p"), vector("phi", "q")
    environment = models.decision_process(values="V")
    step, V = environment.step(models.Policy(theta, name="pi")), network("V")
    s, later = environment.state, step(environment.next_state)
    error = step(environment.reward) + gamma * V(later, phi) - V(s, phi)
    by_score = gradient(-E(stop_gradient(error), s, *step.drawn), theta, how="score")
    assert equal(release(game.field()[theta]), release(by_score)).answer is True
    assert equal(release(game.field()[theta]), -release(by_score)).answer is False


def test_divergences_are_least_at_the_target():
    t, q = sp.symbols("t q", positive=True)
    for divergence in (*DIVERGENCES, models.kullback_leibler):
        slope = divergence.slope(t, q)
        assert sp.simplify(slope.subs(q, t)) == 0
        assert sp.simplify(slope - sp.diff(divergence(t, q), q)) == 0


def test_cross_entropy_is_kullback_leibler_up_to_the_target():
    t, q = sp.symbols("t q", positive=True)
    assert sp.simplify(models.kullback_leibler.slope(t, q) - models.cross_entropy.slope(t, q)) == 0
    assert sp.simplify(DIVERGENCES[3].slope(t, q) - models.cross_entropy.slope(t, q)) == 0


# --- the expectation inside the divergence ---
def rewritten(divergence):
    """The tower rule on the GAN's environment."""
    critic = network("D", range="probability")
    return models.sampled_critic(
        models.gan_environment(), models.generator_policy(), critic, vector("phi", "q"), divergence
    )


def test_cross_entropy_does_not_mind_where_the_average_stands():
    rewrite = rewritten(models.cross_entropy)
    assert isinstance(rewrite, Rewrite) and rewrite.name == "tower rule"
    outside, inside = (models.blind_actor_critic(inside=where).cost("critic") for where in (False, True))
    assert equal(rewrite.before, outside).answer is True
    assert rewrite.after == inside


@pytest.mark.parametrize("divergence", [models.squared, DIVERGENCES[2]], ids=lambda d: d.name)
def test_a_bregman_divergence_leaves_a_term_free_of_the_critic(divergence):
    rewrite = rewritten(divergence)
    inside = models.blind_actor_critic(divergence=divergence, inside=True).cost("critic")
    free = rewrite.after - inside
    phi = vector("phi", "q")
    assert not any(phi in part.free_symbols for part in sp.Add.make_args(sp.expand(free)))
    assert equal(rewrite.before, models.blind_actor_critic(divergence=divergence).cost("critic")).answer is True


FINITE = Instance(
    dims={"n": 1, "m": 1, "p": 1, "q": 1},
    networks={"D": lambda x, phi: 1 / (2 + x[0] * phi[0] ** 2), "G": lambda z, theta: [theta[0]]},
    laws={"p_data": ([[0], [1], [2]], [sp.Rational(1, 2), sp.Rational(1, 4), sp.Rational(1, 4)])},
    vectors={"theta": [1]},
)


@pytest.mark.parametrize("divergence", [models.squared, models.cross_entropy, DIVERGENCES[2]], ids=lambda d: d.name)
def test_the_rewrite_holds_on_finite_laws(divergence):
    """Sums by hand over a coin and a data law of three points, the generator at one of them."""
    rewrite = rewritten(divergence)
    left, right = (instantiate(side, FINITE) for side in (rewrite.before, rewrite.after))
    value = {s: sp.Rational(3, 5) for s in left.free_symbols | right.free_symbols}
    assert sp.N((left - right).subs(value), 30) == pytest.approx(0, abs=1e-25)


def test_the_reversed_order_is_refused():
    backwards = models.Divergence("reversed", lambda t, q: models.bregman("", lambda x: x**4 + x**2)(q, t))
    with pytest.raises(GameError, match="target"):
        rewritten(backwards)


def test_the_rewrite_needs_discount_zero():
    environment = models.gan_environment(discount=sp.Rational(1, 2))
    with pytest.raises(GameError, match="discount"):
        models.sampled_critic(environment, models.generator_policy(), network("D"), vector("phi", "q"), models.squared)


def test_noise_laws_of_policies_are_drawn_afresh():
    """The next action of a reparameterised actor uses noise of its own."""
    loss = models.svg0().cost("critic")
    drawn = {v.name for part in sp.preorder_traversal(loss) for v in getattr(part, "variables", ())}
    assert {"eta", "eta_next"} <= drawn
    assert normal("l") in _laws(loss)

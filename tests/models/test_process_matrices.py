"""Processes of any size against the same on exact random finite instances, and against automatic differentiation."""

from __future__ import annotations

from random import Random

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy as sp

from bilevel.language import equal, gradient, network, ones, vector
from bilevel.language.coordinates import Coordinates
from bilevel.models import FiniteMDP, MatrixProcess, TabularSoftmax, process_of_any_size
from bilevel.numeric import evaluate
from bilevel.numeric.precision import working

PROCESS, POLICY = process_of_any_size(), vector("pi", "k")


def shares(random: Random, count: int) -> list[sp.Rational]:
    weights = [random.randint(1, 5) for _ in range(count)]
    return [sp.Rational(w, sum(weights)) for w in weights]


def drawn(seed: int) -> tuple[FiniteMDP, sp.Matrix]:
    """A process and a policy with rational numbers, two or three states, two or three actions."""
    random = Random(seed)
    n, m = random.randint(2, 3), random.randint(2, 3)
    moves = [sp.Matrix([shares(random, n) for _ in range(n)]) for _ in range(m)]
    rewards = sp.Matrix(n, m, lambda s, a: sp.Rational(random.randint(-6, 6), random.randint(1, 3)))
    mdp = FiniteMDP(moves, rewards, sp.Rational(random.randint(1, 8), 9), tuple(shares(random, n)))
    return mdp, sp.Matrix([shares(random, m) for _ in range(n)])


@pytest.mark.parametrize("seed", range(4))
def test_matrices_of_symbolic_shape_become_the_finite_process_exactly(seed):
    mdp, policy = drawn(seed)
    at = Coordinates(PROCESS.instance(mdp, vectors={"pi": list(policy)}))
    of = lambda expression: sp.Matrix(at.matrix(expression, {}))
    assert of(PROCESS.value(POLICY)) == mdp.value(policy)
    assert list(of(PROCESS.action_value(POLICY))) == list(mdp.action_value(policy))
    assert mdp.occupancy(policy) == of(PROCESS.occupancy(POLICY)).T
    assert sum(of(PROCESS.pairs(POLICY))) == 1
    assert at.scalar(PROCESS.performance(POLICY), {}) == mdp.performance(policy)
    for left, right in (*PROCESS.lawful[:1], *PROCESS.allowed(POLICY)):
        assert of(left) == of(right), "what is assumed holds for every finite process"


@pytest.mark.parametrize("seed", range(2))
def test_the_derived_policy_gradient_is_that_of_the_rational_return(seed):
    mdp, policy = drawn(seed)
    m, theta = mdp.actions, vector("theta", "p")
    x = sp.symbols("x0:2", real=True)
    # probability moved from the last action to the first in two states, by rational functions of the parameters
    moved = sp.Matrix(policy)
    for s, t in enumerate(x):
        moved[s, 0], moved[s, m - 1] = policy[s, 0] + t**2 / 50, policy[s, m - 1] - t**2 / 50
    pi = network("pi", out="k")
    point = dict(zip(x, (sp.Rational(1, 2), sp.Rational(-1, 3)), strict=True))
    share = lambda given: [e.subs(dict(zip(x, given, strict=True)), simultaneous=True) for e in moved]
    instance = PROCESS.instance(mdp, dims={"p": 2}, networks={"pi": share}, vectors={"theta": [point[t] for t in x]})
    derived = gradient(PROCESS.performance(pi(theta)), theta)
    expected = [sp.diff(mdp.performance(moved), t).subs(point) for t in x]
    assert list(Coordinates(instance).matrix(derived, {})) == [sp.nsimplify(e) for e in expected]


def test_the_derived_gradient_agrees_with_automatic_differentiation_of_the_return():
    softmax = TabularSoftmax(PROCESS)
    numbers = softmax.numbers()
    given = {**numbers["values"], "theta": np.linspace(-1, 1, 6), "r": np.array([1.0, -2, 0.5, 3, 0, 1])}
    slope = gradient(PROCESS.performance(softmax.policy), softmax.logits)
    derived = evaluate(slope, dims=numbers["dims"], networks={"pi": numbers["networks"]["pi"]}, values=given)

    def performance(theta):
        S, P, r, mu, gamma = (jnp.asarray(given[name]) for name in ("S", "P", "r", "mu", "gamma"))
        policy = jnp.exp(theta) / (S @ (S.T @ jnp.exp(theta)))
        chain, paid = S.T @ (policy[:, None] * P), S.T @ (policy * r)
        return mu @ jnp.linalg.solve(jnp.eye(3) - gamma * chain, paid)

    with working(np.dtype("float64")):
        expected = np.asarray(jax.grad(performance)(jnp.asarray(given["theta"])))
    assert np.allclose(derived, expected, rtol=1e-12, atol=1e-12)


def test_every_state_may_have_actions_of_its_own():
    numbers = PROCESS.numbers({})
    states = np.asarray(numbers["values"]["S"])
    assert sorted(states.sum(0)) == [1, 2, 3] and np.allclose(np.asarray(numbers["values"]["P"]).sum(1), 1)


def test_what_is_assumed_of_policies_is_needed():
    advantage = PROCESS.averaging(POLICY) * PROCESS.advantage(POLICY)
    nothing = 0 * PROCESS.start
    assert equal(advantage, nothing, assuming=PROCESS.allowed(POLICY)).answer
    assert equal(advantage, nothing).answer is not True


def test_a_discount_of_one_is_refused_where_it_is_put_in():
    mdp, policy = drawn(0)
    whole = FiniteMDP(mdp.transitions, mdp.rewards, 1, mdp.start)
    at = Coordinates(PROCESS.instance(whole, vectors={"pi": list(policy)}))
    with pytest.raises((ZeroDivisionError, ValueError)):
        at.matrix(PROCESS.value(POLICY), {})


def test_the_system_of_a_stochastic_policy_keeps_ones():
    n = PROCESS.state_of.shape[1]
    rules = (*PROCESS.lawful, *PROCESS.allowed(POLICY))
    left = 1 - PROCESS.discount
    assert equal(PROCESS.system(POLICY) * ones(n), left * ones(n), assuming=rules).answer
    assert isinstance(PROCESS, MatrixProcess)


def test_shaping_by_a_potential_leaves_every_advantage_and_moves_values_by_the_potential():
    rules = (*PROCESS.lawful, *PROCESS.allowed(POLICY))
    potential = vector("phi", "n")
    shaped = PROCESS.rewards + PROCESS.discount * PROCESS.moves * potential - PROCESS.state_of * potential
    assert equal(PROCESS.advantage(POLICY, shaped), PROCESS.advantage(POLICY), assuming=rules).answer
    assert equal(PROCESS.value(POLICY, shaped), PROCESS.value(POLICY) - potential, assuming=rules).answer
    without = shaped - PROCESS.discount * PROCESS.moves * potential
    mdp, policy = drawn(1)
    phi = [sp.Integer(k + 1) ** 2 for k in range(mdp.states)]
    at = PROCESS.instance(mdp, vectors={"pi": list(policy), "phi": phi})
    wrong = equal(PROCESS.advantage(POLICY, without), PROCESS.advantage(POLICY), assuming=rules[:1], instances=[at])
    assert wrong.answer is False and wrong.known == "exact"


def test_a_constant_reward_more_is_that_constant_over_one_less_the_discount():
    c, k, n = sp.Symbol("c", real=True), *PROCESS.state_of.shape
    rules = (*PROCESS.lawful, *PROCESS.allowed(POLICY))
    more = PROCESS.value(POLICY, PROCESS.rewards + c * ones(k))
    assert equal(more, PROCESS.value(POLICY) + c / (1 - PROCESS.discount) * ones(n), assuming=rules).answer

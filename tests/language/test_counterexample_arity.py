"""A network's name used with two numbers of arguments: two functions, and an instance of each."""

from __future__ import annotations

import sympy as sp

from bilevel.analysis import correspond
from bilevel.language import E, data, equal, gradient, network, random, vector
from bilevel.models import deterministic_policy_gradient, svg0

S, ETA, THETA = vector("s", "k"), vector("eta", "l"), vector("theta", "p")


def test_one_name_with_two_numbers_of_arguments_is_two_functions() -> None:
    found = equal(network("f")(S, THETA), network("f")(S, ETA, THETA))
    assert found.answer is False and found.known == "exact" and ", of 2 arguments, " in str(found)


def test_deterministic_and_reparameterised_actors_are_told_apart() -> None:
    found = correspond(deterministic_policy_gradient(), svg0(), claim="identical")
    assert found.answer is False


def test_a_derivative_may_stand_inside_a_network():
    """A counterexample is found where a network is applied to another one's gradient, as in one step of adaptation."""
    w, x, step = vector("w", "p"), random("x", data("p_data", "n")), sp.Symbol("s", positive=True)
    loss = network("l")
    moved = w - step * gradient(E(loss(x, w), x), w)
    assert equal(E(loss(x, moved), x), E(loss(x, w), x)).answer is False

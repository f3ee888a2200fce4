"""Parameters: a rule is made again from them; equal entries of a table are one number; symbols stand for numbers."""

from __future__ import annotations

from typing import Any

import pytest
import sympy as sp

from bilevel import rules as R
from tests.rules.examples import examples, origin, random_game

CASES = [rule for rules in examples().values() for rule in rules]
SCALARS = {"step", "weight", "momentum", "alpha", "beta", "rate", "theta", "ratio", "inner_step", "extrapolation_step"}
GAME = random_game((1, 1), 51)


def matrix(rule: Any) -> sp.Matrix:
    return sp.Matrix(R.linearise(GAME, rule, origin(GAME)).matrix)


def remade(rule: Any, **changed: Any) -> Any:
    return R.catalogue()[rule.name](**{**dict(rule.parameters), **changed})


@pytest.mark.parametrize("rule", CASES, ids=str)
def test_a_rule_is_made_again_from_its_parameters(rule: Any):
    assert str(remade(rule)) == str(rule)
    assert matrix(remade(rule)) == matrix(rule)


@pytest.mark.parametrize("rule", [rule for rule in CASES if "step" in dict(rule.parameters)], ids=str)
def test_a_table_of_equal_steps_is_one_step(rule: Any):
    step = dict(rule.parameters)["step"]
    assert matrix(remade(rule, step={"p0": step, "p1": step})) == matrix(rule)


@pytest.mark.parametrize("rule", CASES, ids=str)
def test_symbols_may_stand_for_numbers(rule: Any):
    numbers = {
        key: value
        for key, value in rule.parameters
        if key in SCALARS and getattr(value, "is_Rational", False) and value != 0
    }
    symbols = {key: sp.Symbol(f"the_{key}", positive=value > 0, negative=value < 0) for key, value in numbers.items()}
    found = matrix(remade(rule, **symbols)).subs({symbols[key]: numbers[key] for key in numbers})
    assert found.applyfunc(sp.cancel) == matrix(rule).applyfunc(sp.cancel)

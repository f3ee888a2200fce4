"""Regions the checker must see by itself, and near misses it must not."""

from __future__ import annotations

from typing import Any

import pytest

from bilevel.certificate import check
from tests.certificate.gallery import ALTERNATING, LARGEST_STEP

OGDA = [
    ["1", ["*", "-2", "h"], "0", "h"],
    [["*", "2", "h"], "1", ["-", "h"], "0"],
    ["1", "0", "0", "0"],
    ["0", "1", "0", "0"],
]


def region(symbols: dict[str, str], time: str, jacobian: Any, claim: Any, **more: Any) -> bool:
    """Whether the checker proves that the claim is the region of stability."""
    fields = {"kind": "region", "symbols": symbols, "time": time, "jacobian": jacobian, "claim": claim}
    return check({**fields, **more}).ok


@pytest.mark.parametrize(("bound", "true"), [("1/3", True), ("1/2", False), ("33/100", False), ("334/1000", False)])
def test_the_largest_step_of_optimistic_descent(bound: str, true: bool) -> None:
    symbols = {"h": "positive"}
    assert region(symbols, "discrete", OGDA, [["<", "h", ["sqrt", bound]]]) is true
    assert region(symbols, "discrete", OGDA, [["<", ["^", "h", 2], bound]]) is true


def test_a_solved_region_needs_no_witness() -> None:
    symbols = {"h": "positive", "g": "positive"}
    assert region(symbols, "discrete", ALTERNATING, [LARGEST_STEP])
    assert not region({"h": "positive", "g": "real"}, "discrete", ALTERNATING, [["<", "h", "4"]])
    assert not region(symbols, "discrete", ALTERNATING, [["<", "h", ["*", "4", "g"]]])


def test_one_condition_that_implies_another_is_enough() -> None:
    diagonal = [[["-", "a", "3"], "0"], ["0", ["-", "a", "5"]]]
    assert region({"a": "real"}, "continuous", diagonal, [["<", "a", "3"]])
    assert not region({"a": "real"}, "continuous", diagonal, [["<", "a", "5"]])
    assert not region({"a": "real"}, "continuous", diagonal, [])


def test_a_condition_that_excludes_a_zero_is_used() -> None:
    squared = [[["-", ["^", "x", 2]]]]  # stable unless x = 0, which no strict inequality of sign type alone says
    assert region({"x": "real"}, "continuous", squared, [["^", "x", 2]])
    assert region({"x": "nonzero"}, "continuous", squared, [])
    assert not region({"x": "real"}, "continuous", squared, [])
    assert not region({"x": "real"}, "continuous", squared, ["x"])


def test_a_condition_undefined_inside_the_region_is_refused() -> None:
    flow = [[["-", ["+", ["^", "x", 2], "1"]]]]
    assert region({"x": "real"}, "continuous", flow, [])
    assert not region({"x": "real"}, "continuous", flow, [["/", "1", ["^", "x", 2]]])


def test_z3_is_named_and_a_false_step_is_refuted() -> None:
    bowl = ["+", "1", ["-", ["^", "a", 2], ["*", "a", "b"]], ["^", "b", 2]]
    saddle = ["+", "1", ["-", ["^", "a", 2], ["*", "3", "a", "b"]], ["^", "b", 2]]
    for expression, ok in ((bowl, True), (saddle, False)):
        certificate = {
            "kind": "region",
            "symbols": {"a": "real", "b": "real"},
            "time": "continuous",
            "jacobian": [[["-", expression]]],
            "claim": [],
            "steps": [{"condition": expression, "because": "z3"}],
        }
        result = check(certificate)
        assert result.ok is ok and bool(result.rests_on) is ok

"""Hostile and random problem files: a problem, or one of our errors, and nothing else."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bilevel.app.cli import main
from bilevel.app.problem import Problem, load
from bilevel.language.errors import BilevelError, ReadError
from tests.app.test_problem import DIRAC, KNOWN, QUADRATIC

WHOLE = (DIRAC, KNOWN, QUADRATIC + "[domain]\nx = 'in (0, 1]'\n[assume]\nall = ['a < 4']\n[values]\na = 0.5\n")
PIECES = ('"', "'", "=", "[", "]", "{", "}", "\n", "#", "0", "-1", "1e99", "true", '"x"', '"h"',
          "[[a]]", "[rule]", "[at]",
          "x", "\\", "\x00",
          "[players.a]", "é", "1979-05-27", "nan", "inf", '"E(x)"', '"1/0"', '"x^(x^x)"',
          "[1, 'x']", "{ x = 1 }", '"unrolled 2, step h"')  # fmt: skip


def is_read_or_refused(text):
    message = ""
    try:
        assert isinstance(load(text + "\n"), Problem)
    except BilevelError as problem:
        message = str(problem)
    assert "\n" not in message and len(message) < 2_000


@given(st.text())
def test_random_text(text):
    is_read_or_refused(text)


@pytest.mark.parametrize("seed", range(120))
def test_damaged_files(seed):
    draw = random.Random(seed)
    text = draw.choice(WHOLE)
    for _ in range(draw.randint(1, 4)):
        start = draw.randrange(len(text))
        text = text[:start] + draw.choice(PIECES) + text[start + draw.choice((0, 0, 1, 5, 30)) :]
    is_read_or_refused(text)


def values():
    plain = st.sampled_from(
        ["x", "h*x", "1/0", "", "E(x)", "log(0*x)", "positive", "best response", True, 0, -3, 10**40, None]
    )
    return st.recursive(
        plain, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(names(), inner, max_size=2), max_leaves=4
    )


def names():
    known = [
        "parameters",
        "players",
        "flow",
        "map",
        "rule",
        "at",
        "values",
        "functions",
        "random",
        "assume",
        "domain",
        "x",
        "h",
        "a",
    ]
    return st.sampled_from(
        [
            *known,
            "moves",
            "minimize",
            "through",
            "name",
            "step",
            "all",
            "sequential",
            "title",
            "at",
            "value",
            "derivatives",
        ]
    )


def toml(value):
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {toml(part)}" for key, part in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    return (
        '"nothing"'
        if value is None
        else str(value).lower()
        if isinstance(value, bool)
        else f'"{value}"'
        if isinstance(value, str)
        else str(value)
    )


@settings(max_examples=30)
@given(st.dictionaries(names(), values(), max_size=5))
def test_well_formed_nonsense(tables):
    base = {"parameters": {"h": "positive"}, "flow": {"x": "-h*x"}}
    is_read_or_refused("\n".join(f"{key} = {toml(part)}" for key, part in {**base, **tables}.items()))


@pytest.mark.parametrize(
    "text",
    [
        "[flow]\nx = '" + "(" * 5_000 + "x" + ")" * 5_000 + "'",
        "[flow]\nx = '" + "-" * 5_000 + "x'",
        "[flow]\nx = '" + "+".join(["x"] * 5_000) + "'",
        "[flow]\nx = '9^9^9^9*x'",
        "[flow]\nx = 1e999999999",
        "[flow]\nx = " + "9" * 5_000,
        "[flow]\nx = nan",
        "[flow]\nx = inf",
        "[flow]\nx = " + "[" * 5_000 + "]" * 5_000,
        "a." * 2_000 + "b = 1",
        "[map]\nx = 'x/(x - x)'",
        "[players.a]\nmoves = ['x']\nminimize = 'log(x - x) + x'",
        "[functions]\nf = 't -> f(t)'\n[flow]\nx = 'f(x)'",
        "[parameters]\na = 'in (0, b)'\nb = 'in (0, a)'\n[flow]\nx = '-a*x'",
        "[parameters]\na = 'real'\nb = 'real'\n[values]\na = 'b'\nb = 'a'\n[flow]\nx = '-a*x'",
        "[random]\nx = 'normal(0, -1)'\n[flow]\ny = '-y'",
        "[random]\nx = 'normal(x, 1)'\n[flow]\ny = '-y'",
        "[players.a]\nmoves = ['x']\nminimize = 'x^2'\nthrough = { a = 'best response' }",
        "[players.a]\nmoves=['x']\nminimize='x*y'\nthrough={b='best response'}\n"
        "[players.b]\nmoves=['y']\nminimize='x*y'",
        "[players.a]\nmoves=['x']\nminimize='x*y'\nthrough={b='best response'}\n"
        "[players.b]\nmoves=['y']\nminimize='x+y^2'\nthrough={a='best response'}",
    ],
)  # fmt: skip
def test_known_traps(text, tmp_path):
    is_read_or_refused(text)
    path = tmp_path / "trap.toml"
    path.write_text(text)
    assert main(["check", str(path), "--budget", "10"]) in (0, 2, 3)


def test_nothing_in_a_file_is_run(tmp_path):
    witness = tmp_path / "witness"
    hostile = f"__import__('os').system('touch {witness}')"
    for text in (f'[flow]\nx = "{hostile}"', f'title = "x"\n[parameters]\n"{hostile}" = "real"\n[flow]\nx = "-x"'):
        with pytest.raises(ReadError):
            load(text)
    assert not witness.exists()

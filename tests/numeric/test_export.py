"""What is exported runs without this package, is numerically stable, and says the same."""

from __future__ import annotations

import math
import random
import subprocess
import sys

import jax
import numpy as np
import pytest
import sympy as sp

from bilevel import rules as R
from bilevel import stability
from bilevel.app.cli import main
from bilevel.game import Game, maximize, minimize
from bilevel.language.errors import GameError
from bilevel.language.source import python_function, stable_form
from bilevel.numeric import jax_function, stablehlo

THETA, PSI, X = sp.symbols("theta psi x", real=True)
H, GAMMA = sp.symbols("h gamma", positive=True)
LOSS = -sp.log(1 + sp.exp(-PSI * THETA))
DIRAC = Game(generator=minimize(LOSS, THETA), discriminator=maximize(LOSS - GAMMA / 2 * PSI**2, PSI))
VERDICT = stability(DIRAC, R.alternating(H), at={THETA: 0, PSI: 0})


def bare(source: str, call: str) -> str:
    """What a call prints in a Python that has neither this package nor any other."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", f"{source}\nprint({call})"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_an_exported_condition_is_the_condition():
    source = VERDICT.python("stable") + "\n" + python_function(VERDICT.solve(H), "solved").removeprefix("import math\n")
    points = [(random.Random(k).randint(1, 80), random.Random(-k).randint(1, 80)) for k in range(1, 40)]
    calls = ", ".join(f"(stable(h={a}/20, gamma={b}/20), solved(h={a}/20, gamma={b}/20))" for a, b in points)
    exact = [bool(VERDICT.condition.subs({H: sp.Rational(a, 20), GAMMA: sp.Rational(b, 20)})) for a, b in points]
    assert bare(source, f"[{calls}]") == str([(value, value) for value in exact])
    assert {True, False} == set(exact)
    found = jax_function(VERDICT)(h=np.array([a / 20 for a, _ in points]), gamma=np.array([b / 20 for _, b in points]))
    assert found.tolist() == exact


def test_the_command_line_exports_what_runs(capsys):
    assert main(["stability", "docs/dirac_gan.toml", "--python", "--solve", "h"]) == 0
    source = capsys.readouterr().out
    calls = "stable(h=0.5, gamma=1), stable(h=3, gamma=1), stable_solved_for_h(h=0.5, gamma=1)"
    assert bare(source, calls) == "True False True"
    assert main(["stability", "docs/dirac_gan.toml", "--latex"]) == 0
    shown = capsys.readouterr().out
    assert r"\begin{aligned}" in shown and r"\frac{h^{2}}{4}" in shown
    assert main(["stability", "docs/dirac_gan.toml", "--latex", "--python"]) == 2


@pytest.mark.parametrize("far", [700.0, 1e4, -1e4])
def test_an_exported_update_neither_overflows_nor_cancels(far):
    source = R.derive(DIRAC, R.simultaneous(H)).python()
    values = eval(bare(source, f"step({far}, 1.0, h=1.0, gamma=0.5)"))  # our own output
    share = 0.0 if far > 0 else 1.0
    assert values == pytest.approx((far - share, 1.0 - 0.5 + far * share), rel=1e-15)


FORMS = [
    sp.log(1 + sp.exp(X)),
    sp.log(2 * sp.exp(X) + 3 * sp.exp(-X)),
    1 / (1 + sp.exp(-X)),
    sp.exp(2 * X) / (1 + sp.exp(X)) ** 3,
    X * sp.exp(-X) / (1 + sp.exp(-X)) ** 2 + sp.sqrt(X**2 + 1),
    sp.exp(X) / (2 + 5 * sp.exp(3 * X)) ** 2,
    sp.exp(X) / (1 - sp.exp(X)) / (X**2 + 1),
]


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_stable_forms_are_equal(form):
    for value in (sp.Rational(3, 7), sp.Rational(-19, 4), sp.Rational(41, 3)):
        gap = (stable_form(form) - form).subs(X, value).evalf(40)
        assert abs(gap) < 1e-25 * (1 + abs(form.subs(X, value).evalf()))


def test_a_formula_as_stablehlo():
    text = stablehlo(VERDICT, dtype="float32")
    assert "stablehlo.compare" in text and "tensor<i1>" in text
    with jax.enable_x64(True):
        assert float(jax_function(sp.log(1 + sp.exp(X)))(x=1000.0)) == 1000.0


def test_math_functions_survive():
    source = python_function(sp.erf(X) + sp.gamma(X) + sp.Piecewise((X, X < 1), (sp.tanh(X), True)), "f", [X])
    assert float(bare(source, "f(2.5)")) == pytest.approx(math.erf(2.5) + math.gamma(2.5) + math.tanh(2.5), rel=1e-15)


@pytest.mark.parametrize(
    "ask, word",
    [
        (lambda: python_function(sp.besselj(0, X)), "no plain Python form"),
        (lambda: python_function(sp.Symbol("__import__('os')") > 0), "name"),
        (lambda: python_function(X, "import os"), "name"),
        (lambda: jax_function(3), "got int"),
        (lambda: jax_function(VERDICT)(h=1.0), "takes gamma, h"),
        (lambda: jax_function(sp.besselj(0, X)), "numeric form"),
    ],
)
def test_what_is_wrong_is_said(ask, word):
    with pytest.raises(GameError, match=word):
        ask()

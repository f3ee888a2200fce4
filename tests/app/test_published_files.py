"""Published results, asked through problem files: the region that comes out agrees with the claim on both sides."""

from __future__ import annotations

import json
import random
from fractions import Fraction

import pytest
import sympy as sp

from bilevel.app.cli import main
from bilevel.language.reader import read

DIRAC = """[parameters]
f1 = "nonzero"
f2 = "real"
gamma = "positive"
h = "positive"
sigma = "positive"
[functions]
f = { argument = "t", at = 0, value = 0, derivatives = ["f1", "f2"] }
[random]
n = "normal(0, sigma^2)"
m = "normal(0, sigma^2)"
[players.generator]
moves = ["theta"]
minimize = "LOSS"
[players.discriminator]
moves = ["psi"]
maximize = "LOSSPENALTY"
[at]
theta = 0
psi = 0
"""
BILINEAR = """[parameters]
s = "positive"
h = "positive"
[players.a]
moves = ["x"]
minimize = "s*x*y"
[players.b]
moves = ["y"]
maximize = "s*x*y"
"""
TWO = """[parameters]
g = "positive"
[players.a]
moves = ["x"]
minimize = "LOSS"
[players.b]
moves = ["y"]
maximize = "LOSS"
"""
CYCLE = """[parameters]
w = "positive"
l = "positive"
[functions]
u = "(p, q, r) -> p*(r*w - q*l)"
mean = "(p, q, r) -> u(p, q, r) + u(q, r, p) + u(r, p, q)"
[flow]
x = "x*((1 - x - y)*w - y*l - mean(x, y, 1 - x - y))"
y = "y*(x*w - (1 - x - y)*l - mean(x, y, 1 - x - y))"
[at]
x = "1/3"
y = "1/3"
"""


def dirac(loss="f(psi*theta) + f(0)", penalty="", rule=""):
    return DIRAC.replace("LOSSPENALTY", loss + penalty).replace("LOSS", loss) + rule


def rule(name, **parameters):
    return f'[rule]\nname = "{name}"\n' + "".join(f"{key} = {value}\n" for key, value in parameters.items())


STEP = {"step": '"h"'}
R1 = " - gamma*psi^2/2"
CLAIMS = [
    ("D08", dirac("E(f(psi*(theta + n)) + f(-psi*m))"), lambda f2, **_: f2 < 0),
    ("D09", dirac(penalty=R1), lambda **_: True),
    ("D10 simultaneous", dirac(penalty=R1, rule=rule("simultaneous", **STEP)),
     lambda f1, gamma, h, **_: h * f1**2 < gamma and h**2 * f1**2 + 4 > 2 * gamma * h),
    ("D10 alternating", dirac(penalty=R1, rule=rule("alternating", **STEP)),
     lambda f1, gamma, h, **_: h**2 * f1**2 + 2 * h * gamma < 4),
    ("Z01", BILINEAR + rule("simultaneous", **STEP), lambda **_: False),
    ("Z13", BILINEAR + rule("optimistic", **STEP), lambda s, h: 3 * s**2 * h**2 < 1),
    ("Z15", BILINEAR + rule("extragradient", **STEP), lambda s, h: s * h < 1),
    ("Z17", BILINEAR + rule("proximal_point", **STEP), lambda **_: True),
    ("Z18", BILINEAR + rule("past_extragradient", **STEP), lambda s, h: 3 * s**2 * h**2 < 1),
    ("Z20", BILINEAR.replace("s*x*y", "x*y") + rule("symplectic", **STEP, weight='"s"'),
     lambda s, h: h * (1 + s**2) < 2 * s),
    ("S04", TWO.replace("LOSS", "-3*x^2 - y^2 + 4*x*y") + rule("flow", step='{ a = 1, b = "g" }'), lambda g: g > 3),
    ("S10", TWO.replace("LOSS", "-3*x^2 - y^2 + 4*x*y") + rule("follow_the_ridge", step='"g"'), lambda g: g < 1),
    ("M03", CYCLE, lambda w, l: w > l),
    ("Z22", BILINEAR + rule("competitive", **STEP), lambda **_: True),
]  # fmt: skip


@pytest.mark.parametrize(("text", "claim"), [case[1:] for case in CLAIMS], ids=[case[0] for case in CLAIMS])
def test_regions(capsys, tmp_path, text, claim):
    path = tmp_path / "problem.toml"
    path.write_text(text)
    assert main(["stability", str(path), "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)["equilibria"]
    assert found["known"] == "exact"
    declared = text.partition("[parameters]\n")[2].partition("\n[")[0]
    names = [line.partition(" =")[0] for line in declared.splitlines()]
    symbols = {name: sp.Symbol(name, real=True) for name in names}
    condition, unstable = (read(found[key], symbols) for key in ("condition", "unstable_on"))
    draw = random.Random(3)
    for _ in range(60):
        point = {name: Fraction(draw.randint(1, 60), draw.choice((7, 11, 23))) for name in names}
        if "f2" in point:
            point["f2"] -= 3
        values = {symbols[name]: sp.Rational(value.numerator, value.denominator) for name, value in point.items()}
        assert (condition.subs(values) == sp.true) == claim(**point), point
        assert not (condition.subs(values) == sp.true and unstable.subs(values) == sp.true)


def test_stackelberg_duopoly(capsys, tmp_path):
    path = tmp_path / "duopoly.toml"
    path.write_text("""[parameters]
a = "positive"
b = "positive"
c = "positive"
[assume]
all = ["a > c"]
[players.leader]
moves = ["q"]
maximize = "q*(a - b*(q + r) - c)"
through = { follower = "best response" }
[players.follower]
moves = ["r"]
maximize = "r*(a - b*(q + r) - c)"
""")
    assert main(["equilibria", str(path), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    a, b, c = (sp.Symbol(name, positive=True) for name in "abc")
    point = {key: read(value, {"a": a, "b": b, "c": c}) for key, value in found["equilibria"][0]["point"].items()}
    assert sp.simplify(point["q"] - (a - c) / (2 * b)) == 0 and sp.simplify(point["r"] - (a - c) / (4 * b)) == 0
    assert found["complete"] is True


def test_all_fixed_points_are_found(capsys, tmp_path):
    path = tmp_path / "adolphs.toml"
    path.write_text(TWO.replace("LOSS", "2*x^2 + y^2 + 4*x*y + 4/3*y^3 - y^4/4").replace('g = "positive"\n', ""))
    assert main(["stability", str(path), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    verdicts = {point["point"]["y"]: point["verdict"] for point in found["equilibria"]}
    assert found["complete"] is True and sorted(verdicts.values()) == ["stable", "stable", "unstable"]
    assert verdicts["0"] == "stable"

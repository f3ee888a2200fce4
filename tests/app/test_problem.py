"""Problem files: what they say, read twice over; where an error stands, to the column."""

from __future__ import annotations

import pytest
import sympy as sp

from bilevel.app.problem import load
from bilevel.language.errors import ReadError, UnknownAnswer
from bilevel.response import Anticipated, BestResponse, Unrolled
from bilevel.rules.protocol.linear import linearise

DIRAC = """title  = "Dirac-GAN with R1 penalty"
source = "Mescheder, Geiger, Nowozin 2018, Lemma 3.3"

[parameters]                 # assumptions
gamma = "positive"
h     = "positive"

[functions]
f = "t -> -log(1 + exp(-t))"

[players.generator]
moves    = ["theta"]
minimize = "f(psi*theta) + f(0)"

[players.discriminator]
moves    = ["psi"]
maximize = "f(psi*theta) + f(0) - gamma/2*psi^2"

[rule]
name = "alternating"
step = "h"
order = ["generator", "discriminator"]

[at]
theta = "0"
psi   = "0"
"""

QUADRATIC = """
[parameters]
a = "real"
h = "positive"
s = "positive"
[players.x_player]
moves = ["x"]
minimize = "a*x^2/2 + x*y"
[players.y_player]
moves = ["y"]
maximize = "x*y - y^2/2"
"""


def test_the_example_of_the_documentation():
    problem = load(DIRAC)
    theta, psi = sp.symbols("theta psi", real=True)
    h, gamma = sp.symbols("h gamma", positive=True)
    f = lambda t: -sp.log(1 + sp.exp(-t))
    assert problem.game["discriminator"].loss == f(psi * theta) + f(0) - gamma / 2 * psi**2
    assert problem.at == {theta: 0, psi: 0} and problem.complete_at
    assert str(problem.rule) == "alternating(step=h, order=('generator', 'discriminator'), repeats=1)"
    matrix = linearise(problem.game, problem.rule, problem.at).matrix
    assert matrix == sp.Matrix([[1, -h / 2], [h / 2, 1 - h**2 / 4 - gamma * h]])


def test_values_are_exact_and_fix_parameters():
    problem = load(QUADRATIC + "[values]\na = 0.1\n")
    x = problem.game.variables[0]
    assert problem.game.jacobian()[0, 0] == sp.Rational(1, 10)
    assert load(QUADRATIC, set={"a": "1/3"}).game.field()[x].coeff(x) == sp.Rational(1, 3)
    assert load(QUADRATIC + '[values]\na = "h/2"\nh = 4\n').game.jacobian()[0, 0] == 2


def test_assumptions_and_bounds_become_assumptions_of_the_game():
    problem = load(
        '[parameters]\na = "in (0, b)"\nb = "positive"\n[assume]\nall = ["a + b < 3"]\n[flow]\nx = "-a*x*b"\n'
    )
    a, b = problem.parameters["a"], problem.parameters["b"]
    assert a.is_positive and set(problem.game.assuming) == {a < b, a + b < 3}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("best response", BestResponse()),
        ("unrolled 3, step s", Unrolled(3, sp.Symbol("s", positive=True))),
        ("anticipated, step 1/10", Anticipated(sp.Rational(1, 10))),
    ],
)
def test_replies(text, expected):
    by_player = QUADRATIC.replace('minimize = "a', f'through = {{ y_player = "{text}" }}\nminimize = "a')
    by_variable = by_player.replace("y_player =", "y =")
    assert load(by_player).game["x_player"].through == (("y_player", expected),)
    assert load(by_variable).game == load(by_player).game


def test_steps_per_player_and_rules_of_rules():
    rule = '[rule]\nname = "averaged"\nevery = 2\nweight = "1/2"\n'
    rule += '[rule.base]\nname = "alternating"\nstep = { x_player = "h", y_player = 2 }\n'
    problem = load(QUADRATIC + rule)
    inner = dict(problem.rule.parameters)["base"]
    assert inner.name == "alternating" and dict(inner.parameters)["step"]["y_player"] == 2


def test_flows_and_maps():
    flow = load('[parameters]\na = "real"\n[flow]\nx = "-a*x + y"\ny = "-x"\n').game
    assert flow.time == "continuous" and flow.jacobian() == sp.Matrix([[flow.parameters[0], -1], [1, 0]])
    plain = load('[map]\nx = "x - y"\ny = "y + x"\n').game
    in_turn = load('[map]\nsequential = true\nx = "x - y"\ny = "y + x"\n').game
    x, y = plain.variables
    assert plain.equations[y] == x + y and in_turn.equations[y] == x


def test_averages_close_where_they_can():
    text = '[random]\nx = "normal(m, v)"\nc = { values = [0, 1], probabilities = ["p", "1 - p"] }\n'
    text = '[parameters]\nm = "real"\nv = "positive"\np = "in (0, 1)"\n' + text
    text += '[players.a]\nmoves = ["t"]\nminimize = "E((t - x)^2*c)"\n'
    problem = load(text)
    m, v, p = (problem.parameters[name] for name in "mvp")
    (t,) = problem.game.variables
    assert sp.expand(problem.game["a"].loss - (1 - p) * ((t - m) ** 2 + v)) == 0


def test_averages_are_taken_after_the_point_is_put_in():
    # The second derivative of E[softplus(t x)] at t = 0 is E[x^2]/4.
    text = '[parameters]\nv = "positive"\n[random]\nx = "normal(0, v)"\n'
    text += '[players.a]\nmoves = ["t"]\nminimize = "E(softplus(t*x))"\n'
    problem = load(text + "[at]\nt = 0\n[rule]\nname = 'simultaneous'\nstep = 1\n")
    assert linearise(problem.game, problem.rule, problem.at).matrix == sp.Matrix([[1 - problem.parameters["v"] / 4]])


KNOWN = """
[parameters]
g1 = "real"
g2 = "real"
[functions]
g = { argument = "t", at = 0, value = 0, derivatives = ["g1", "g2"] }
[random]
x = "uniform(-1, 1)"
[players.a]
moves = ["t"]
minimize = "E(g(t*x)) + g(t)^2/2"
[rule]
name = "simultaneous"
step = 1
"""


def test_functions_known_through_their_derivatives():
    problem = load(KNOWN)
    (t,) = problem.game.variables
    g1, g2 = problem.parameters["g1"], problem.parameters["g2"]
    assert linearise(problem.game, problem.rule, {t: 0}).matrix == sp.Matrix([[1 - g2 / 3 - g1**2]])


def test_a_missing_derivative_is_named():
    problem = load(KNOWN.replace(', "g2"]', "]"))
    (t,) = problem.game.variables
    with pytest.raises(UnknownAnswer, match="derivative number 2 of g at 0 is needed"):
        linearise(problem.game, problem.rule, {t: 0})


def test_several_known_points():
    text = KNOWN.replace(
        'derivatives = ["g1", "g2"] }', 'derivatives = [0, "g2"] }, { at = 1, value = 2, derivatives = [0, 3] }]'
    ).replace("g = {", "g = [{")
    problem = load(text.replace("E(g(t*x)) + ", ""))
    (t,) = problem.game.variables
    assert linearise(problem.game, problem.rule, {t: 1}).matrix == sp.Matrix([[1 - 6]])


def test_domains_restrict_the_variables():
    problem = load(QUADRATIC + '[domain]\nx = "in (0, 1]"\n')
    x = problem.game.variables[0]
    assert x.is_positive and set(problem.domain) == {x <= 1} and not problem.game.assuming


ERRORS = [
    ("title = ", 1, 9, "not TOML"),
    ("[players.a]\nmoves = ['x']\nminimize = 'x^2'\n[rules]\nname='flow'", 4, 1, "did you mean rule?"),
    ("[players.a]\nmoves = ['x']\nminimise = 'x^2'", 3, 1, "did you mean minimize?"),
    ("[players.a]\nmoves = ['x']\nminimize = 'x^2 + q'", 3, 19, "the name 'q' is not known"),
    ('[players.a]\nmoves = ["x"]\nminimize = """\nx^2 +\n 2*q"""', 5, 4, "the name 'q' is not known"),
    ("[players.a]\nmoves = ['x']\nminimize = 'x^2'\nmaximize = 'x'", 1, 1, "exactly one of minimize and maximize"),
    ("[players.a]\nmoves = ['x', 'x']\nminimize = 'x^2'", 2, 15, "declared twice"),
    ("[players.a]\nmoves = ['lambda']\nminimize = '1'", 2, 10, "keyword"),
    ("[players.a]\nmoves = []\nminimize = '1'", 2, 9, "moves nothing"),
    ("[players.a]\nmoves = ['x']\nminimize = '1'", 1, 1, "depends only on"),
    ("[parameters]\nh = 'positiv'\n[flow]\nx = '-x'", 2, 6, "did you mean positive?"),
    ("[values]\nh = 1\n[flow]\nx = '-x'", 2, 1, "is no parameter"),
    ("[parameters]\nh = 'positive'\n[values]\nh = -1\n[flow]\nx = '-h*x'", 4, 5, "contradicts"),
    ("[parameters]\nh = 'in (0, 1)'\n[values]\nh = 2\n[flow]\nx = '-h*x'", 4, 5, "contradicts"),
    ("[flow]\nx = '-x'\n[map]\nx = 'x'", 3, 1, "exclude each other"),
    ("title = 'nobody'", 1, 1, "nobody plays"),
    ("[flow]\nx = '-x'\n[rule]\nname = 'flow'", 3, 1, "needs no rule"),
    ("[flow]\nx = '-x'\n[at]\ny = 0", 4, 1, "nobody moves 'y'"),
    ("[flow]\nx = true", 2, 5, "not true or false"),
    ("[flow]\nx = 'x < 1'", 2, 5, "this is a condition"),
    ("[assume]\nall = ['1 < 0']\n[flow]\nx = '-x'", 2, 8, "never true"),
    ("[random]\nu = 'normal(0)'\n[flow]\nx = '-x'", 2, 5, "normal"),
    ("[random]\nu = 'normal(0, 1)'\n[flow]\nx = '-u*x'", 4, 5, "outside E"),
    ("[functions]\nf = 't -> 2*f(t)'\n[flow]\nx = '-x'", 2, 13, "leads back to itself"),
    ("[functions]\nf = 't -> k(t)'\nk = 't -> f(t)'\n[flow]\nx = '-x'", 2, 11, "k stands below f; move it above"),
    ("[flow]\nx = '-x'\n[flow]", 3, 6, "the table [flow] stands twice"),
    ("[flow]\nx = '-x'\nx = '-x'", 3, 9, "has a value already"),
    ("[flow]\nx = '-tahn(x)'", 2, 7, "did you mean tanh?"),
    ("[flow]\nx = '-asin(2)*x'", 2, 7, "not real"),
    ("[flow]\nx = '-besselk(x)'", 2, 7, "besselk(1, x)"),
    ("[flow]\nx = '-E(x)'", 2, 7, "declare one under [random]"),
    ("[assume]\nall = 3\n[flow]\nx = '-x'", 2, 7, 'for example ["gamma < 4"]'),
    (QUADRATIC + "[rule]\nname = 'simultaneous'\nstep = '-h'", 14, 8, "the step -h is negative"),
    (
        QUADRATIC + "[rule]\nname = 'alternating'\nstep = { x_player = 'h', y_player = -1 }",
        14,
        37,
        "the step -1 is negative",
    ),
    ("[functions]\nf = 't^2'\n[flow]\nx = '-x'", 2, 6, "t -> t^2"),
    ("[functions]\nf = { at = 0 }\n[flow]\nx = '-x'", 2, 5, "at and value are needed"),
    (QUADRATIC + "[rule]\nname = 'alternatin'", 13, 8, "did you mean alternating?"),
    (QUADRATIC + "[rule]\nname = 'alternating'", 12, 1, "needs step"),
    (QUADRATIC + "[rule]\nname = 'alternating'\nstp = 'h'", 14, 1, "did you mean step?"),
    (QUADRATIC + "[rule]\nname = 'alternating'\nstep = { x_player = 'h' }", 14, 8, "no value for y_player"),
    (QUADRATIC + "[rule]\nname = 'alternating'\nstep = 'h'\norder = ['x_player']", 15, 9, "each player once"),
    (QUADRATIC + "[rule]\nname = 'alternating'\nstep = 'h'\nrepeats = '1/2'", 15, 11, "whole number"),
    (QUADRATIC + "[rule]\nname = 'simultaneous'\nstep = 'h +'", 14, 12, "expected"),
    (
        QUADRATIC.replace("minimize", "through = { z = 'best response' }\nminimize"),
        8,
        13,
        "no player and no moved variable",
    ),
    (QUADRATIC.replace("minimize", "through = { y = 'best reply' }\nminimize"), 8, 17, "no way to differentiate"),
    (QUADRATIC.replace("minimize", "through = { y = 'unrolled 2, step q' }\nminimize"), 8, 35, "'q' is not known"),
    (QUADRATIC.replace("minimize", "through = { y = 'unrolled 0, step s' }\nminimize"), 8, 17, "at least 1"),
    (QUADRATIC + "[domain]\nz = 'positive'", 13, 1, "nobody moves"),
    (QUADRATIC + "[domain]\nx = 'positive'\n[at]\nx = -1\ny = 0", 15, 5, "outside the domain"),
]


@pytest.mark.parametrize(("text", "line", "column", "message"), ERRORS, ids=[message for *_, message in ERRORS])
def test_errors_stand_where_they_happen(text, line, column, message):
    with pytest.raises(ReadError) as raised:
        load(text + "\n")
    assert message in raised.value.message and "\n" not in str(raised.value)
    assert (raised.value.line, raised.value.column) == (line, column)


def test_a_file_is_named_in_its_errors(tmp_path):
    path = tmp_path / "game.toml"
    path.write_text("[flow]\nx = '-q'\n")
    with pytest.raises(ReadError, match=r"game\.toml:2:7: "):
        load(path)


@pytest.mark.parametrize("name", ["nothing.toml", ".", "\0"])
def test_what_cannot_be_read_is_an_error(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ReadError):
        load(name)


def test_binary_and_huge_files(tmp_path):
    path = tmp_path / "data.toml"
    path.write_bytes(b"title = 'x'\n\xff\xfe")
    with pytest.raises(ReadError, match=r":2:1: not text in UTF-8"):
        load(path)
    path.write_bytes(b"#" * 1_000_001)
    with pytest.raises(ReadError, match="larger than"):
        load(path)

"""The command line: answers, exit statuses, and one line for everything that goes wrong."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
import sympy as sp

from bilevel.app.cli import main
from bilevel.game import Game, minimize
from bilevel.language.reader import read
from tests.app.test_problem import DIRAC, KNOWN, QUADRATIC
from tests.house.source import ROOT


def answer(capsys, *argv, status=0):
    """The JSON object a command prints, its status checked, nothing on stderr when it is an answer."""
    assert main([*argv, "--json"]) == status
    out, err = capsys.readouterr()
    assert status in (2, 3) or err == ""
    return json.loads(out)


def complaint(capsys, *argv, status=2):
    """The one line a command prints on stderr."""
    assert main(list(argv)) == status
    out, err = capsys.readouterr()
    assert err.count("\n") == 1 and "Traceback" not in err
    assert status != 2 or out == ""
    return err.strip()


def process(*argv, **options):
    return subprocess.run(
        [sys.executable, "-m", "bilevel", *argv], cwd=ROOT, capture_output=True, text=True, timeout=60, **options
    )


# --- stability -------------------------------------------------------------------------------------------------------
def test_the_example_of_the_documentation(capsys, dirac):
    found = answer(capsys, "stability", dirac)
    assert (found["title"], found["rule"], found["time"]) == ("Dirac-GAN with R1 penalty", "alternating", "discrete")
    (point,) = found["equilibria"]
    assert point["point"] == {"theta": "0", "psi": "0"}
    assert point["jacobian"] == {"order": ["theta", "psi"], "rows": [["1", "-h/2"], ["h/2", "1 - gamma*h - h^2/4"]]}
    assert point["characteristic_polynomial"] == "z^2 + (h^2/4 + gamma*h - 2)*z + 1 - gamma*h"
    assert point["verdict"] == "conditional" and point["known"] == "exact"
    assert point["condition"] == "h^2/4 + 2*gamma*h < 4"
    assert point["solved"] == {"h": "h < 4*(sqrt(gamma^2 + 1) - gamma)"}
    assert point["marginal_on"] == "h^2/4 + 2*gamma*h == 4" and point["marginal_why"] == "eigenvalue -1"
    assert point["unstable_on"] == "h^2/4 + 2*gamma*h > 4"
    assert point["exists_on"] == "true" and point["nonlinear"] is None
    assert isinstance(found["complete"], bool)


SCHEMA = {
    "point": dict, "kinds": list, "jacobian": dict, "characteristic_polynomial": str, "eigenvalues": (list, type(None)),
    "verdict": str, "condition": str, "solved": dict, "marginal_on": str, "marginal_why": (str, type(None)),
    "unstable_on": str, "exists_on": str, "nonlinear": (dict, type(None)), "known": str,
    "certificate": (dict, type(None)),
}  # fmt: skip


@pytest.mark.parametrize("rule", ["flow", "simultaneous", "alternating", "extragradient", "optimistic", "heavy_ball"])
def test_the_object_has_the_agreed_form_and_its_texts_are_read_back(capsys, dirac, rule):
    found = answer(capsys, "stability", dirac, "--rule", rule)
    assert found["rule"] == rule and found["time"] == ("continuous" if rule == "flow" else "discrete")
    names = {name: sp.Symbol(name, positive=True) for name in ("h", "gamma", "momentum", "z")}
    (point,) = found["equilibria"]
    for key, kind in SCHEMA.items():
        assert isinstance(point[key], kind), key
    size = len(point["jacobian"]["order"])
    rows = [[read(entry, names) for entry in row] for row in point["jacobian"]["rows"]]
    matrix = sp.Matrix(rows)
    assert matrix.shape == (size, size) == (sp.Matrix(rows).rows, size)
    polynomial = read(point["characteristic_polynomial"], names)
    assert sp.expand((names["z"] * sp.eye(size) - matrix).det(method="berkowitz") - polynomial) == 0
    for key in ("condition", "unstable_on", "marginal_on", "exists_on"):
        read(point[key], names)
    for entry in point["eigenvalues"] or ():
        read(entry["value"], names, imaginary=True)


def test_remembered_values_are_named(capsys, dirac):
    found = answer(capsys, "stability", dirac, "--rule", "heavy_ball", "--set", "gamma=1/2")
    assert found["equilibria"][0]["jacobian"]["order"] == ["theta", "psi", "theta@1", "psi@1"]


def test_a_step_size_is_no_time_scale(capsys, dirac):
    found = answer(capsys, "stability", dirac, "--rule", "flow")
    assert found["equilibria"][0]["jacobian"]["rows"] == [["0", "-1/2"], ["1/2", "-gamma"]]


def test_several_rules_give_several_answers(capsys, dirac):
    found = answer(capsys, "stability", dirac, "--rule", "flow,simultaneous")
    assert [part["rule"] for part in found] == ["flow", "simultaneous"]


def test_setting_and_expecting(capsys, dirac):
    assert main(["stability", dirac, "--set", "gamma=1/2", "--set", "h=1", "--expect", "stable"]) == 0
    assert main(["stability", dirac, "--set", "gamma=1/2", "--set", "h=3", "--expect", "stable"]) == 1
    assert main(["stability", dirac, "--expect", "conditional"]) == 0
    edge = [
        "stability",
        dirac,
        "--set",
        "gamma=3/4",
        "--set",
        "h=2",
        "--budget",
        "3",
    ]  # h = 4 (sqrt(gamma^2 + 1) - gamma) exactly
    assert main([*edge, "--expect", "marginal"]) == 0
    assert main([*edge, "--expect", "stable"]) == 1


def test_solving_for_a_parameter(capsys, dirac):
    found = answer(capsys, "stability", dirac, "--solve", "gamma")
    assert list(found["equilibria"][0]["solved"]) == ["gamma"]
    assert main(["stability", dirac, "--solve", "h"]) == 0
    assert "h < 4*(sqrt(gamma^2 + 1) - gamma)" in capsys.readouterr().out


def test_flows_have_no_rule(capsys, tmp_path):
    path = tmp_path / "flow.toml"
    path.write_text('[parameters]\na = "real"\n[flow]\nx = "-a*x"\n[at]\nx = 0\n')
    found = answer(capsys, "stability", str(path))
    assert found["rule"] is None and found["time"] == "continuous"
    assert found["equilibria"][0]["condition"] == "a > 0" and found["equilibria"][0]["kinds"] == []


def test_an_unknown_verdict_prints_its_object_and_says_three(capsys, tmp_path):
    path = tmp_path / "known.toml"
    path.write_text(KNOWN.replace(', "g2"]', "]") + "[at]\nt = 0\n")
    found = answer(capsys, "stability", str(path), status=3)
    (point,) = found["equilibria"]
    assert point["verdict"] == "unknown" and point["condition"] is None and point["marginal_on"] is None
    assert "derivative number 2 of g at 0" in point["reason"]


# --- other commands --------------------------------------------------------------------------------------------------
def test_derive(capsys, dirac, tmp_path):
    found = answer(capsys, "derive", dirac)
    names = {name: sp.Symbol(name) for name in ("theta", "psi", "h", "gamma", "theta_1")}
    assert found["players"] == {"generator": ["theta"], "discriminator": ["psi"]}
    update = read(found["update"]["theta"], names)
    assert sp.simplify(update.subs(names["theta"], 0) + names["h"] * names["psi"] / 2) == 0
    for form, mark in (
        ("--latex", r"\begin{aligned}"),
        ("--python", "def step(theta, psi"),
        ("--rule=flow", "dpsi/dt"),
    ):
        assert main(["derive", dirac, form]) == 0
        assert mark in capsys.readouterr().out


def test_derived_python_runs(capsys, dirac):
    assert main(["derive", dirac, "--python"]) == 0
    made: dict = {}
    exec(capsys.readouterr().out, made)  # our own output, in a test
    theta, _ = made["step"](0.0, 1.0, h=0.1, gamma=0.5)
    assert theta == pytest.approx(-0.05)


def test_equilibria(capsys, dirac):
    found = answer(capsys, "equilibria", dirac)
    assert found["equilibria"][0]["point"] == {"theta": "0", "psi": "0"}


def test_correspond(capsys, dirac, tmp_path):
    other = tmp_path / "other.toml"
    other.write_text(DIRAC.replace("theta", "x").replace("psi", "y").replace('"f(y*x) + f(0)"', '"2*f(y*x)"'))
    mapping = ["--map", "theta=x, psi=y"]
    found = answer(capsys, "correspond", dirac, str(other), *mapping, "--claim", "constant-per-player")
    assert found["relations"][0]["holds"] is True
    assert main(["correspond", dirac, str(other), *mapping, "--claim", "identical"]) == 1
    assert main(["correspond", dirac, dirac]) == 0


def test_trajectories_are_compared(capsys, tmp_path):
    first, second = tmp_path / "first.toml", tmp_path / "second.toml"
    first.write_text(QUADRATIC.replace("a*x^2/2 + ", ""))
    second.write_text(
        QUADRATIC.replace("a*x^2/2 + ", "")
        .replace('"x"', '"u"')
        .replace('"y"', '"w"')
        .replace("x*y", "4*u*w")
        .replace("y^2/2", "w^2/2")
    )
    # with x = 2u the flow u' = -4w, w' = 4u - w is not carried over; with u itself and equal coupling it is
    assert main(["correspond", str(first), str(second), "--map", "x=2*u, y=w", "--map-flow"]) == 1
    assert main(["correspond", str(first), str(first), "--map-flow"]) == 0


def test_list(capsys):
    found = answer(capsys, "list")
    assert {"models", "rules", "strategies", "theorems"} == found.keys()
    assert "alternating" in found["rules"] and "gan" in found["models"]


def test_models_by_name(capsys):
    assert main(["derive", "gan"]) == 0
    assert "F_theta" in capsys.readouterr().out
    assert "networks of any form" in complaint(capsys, "stability", "blind_actor_critic", status=3)


def test_advice(capsys, tmp_path):
    path = tmp_path / "unused.toml"
    path.write_text('[parameters]\nh = "positive"\nq = "real"\n[flow]\nx = "-h*x"\n')
    found = answer(capsys, "check", str(path))
    assert any("q is declared but stands nowhere" in line for line in found["advice"])


def test_certificates_are_checked(capsys, tmp_path):
    path = tmp_path / "certificate.json"
    claim = {"kind": "identity", "symbols": {"x": "real"}, "left": ["+", "x", "x"], "right": ["*", "2", "x"]}
    path.write_text(json.dumps(claim))
    assert main(["check", str(path)]) == 0
    assert "proved again" in capsys.readouterr().out
    path.write_text(json.dumps({"equilibria": [{"certificate": claim}, {"certificate": claim | {"right": "x"}}]}))
    found = answer(capsys, "check", str(path), status=1)
    assert [entry["ok"] for entry in found["certificates"]] == [True, False]
    path.write_text('{"kind": "nonsense"}')
    complaint(capsys, "check", str(path))
    path.write_text('{"kind": ')
    assert ":1:10: not JSON" in complaint(capsys, "check", str(path))
    path.write_text("{}")
    assert "no certificate" in complaint(capsys, "check", str(path))


def test_assumptions_that_no_values_meet(capsys, tmp_path):
    path = tmp_path / "none.toml"
    path.write_text('[parameters]\na = "in (0, 1)"\n[assume]\nall = ["2*a > 3"]\n[flow]\nx = "-a*x"\n')
    assert "no values meet all assumptions" in complaint(capsys, "stability", str(path))


def test_an_algebraic_point_is_written_with_digits(capsys, tmp_path):
    path = tmp_path / "quintic.toml"
    path.write_text('[flow]\nx = "x^5 - x - 1"\n')
    (only,) = answer(capsys, "stability", str(path))["equilibria"]
    assert (only["verdict"], only["known"]) == ("unstable", "exact")
    assert abs(float(read(only["point"]["x"])) - 1.1673039782614187) < 1e-12


def test_points_that_a_model_names_are_used_when_the_search_has_no_time(monkeypatch):
    from bilevel.app import points
    from bilevel.app.problem import problem_of

    def late(*_, **__):
        raise points.OutOfTime

    x, a = sp.symbols("x a", real=True)
    game = Game(p=minimize((x - a) ** 2, x), points=({x: a}, {x: a + 1}))
    monkeypatch.setattr(points, "equilibria", late)
    found = points.points_of(problem_of(game), None)
    assert [dict(one.point) for one in found.points] == [{x: a}]
    assert not found.complete and "model names" in found.reason
    with pytest.raises(points.OutOfTime):
        points.points_of(problem_of(Game(p=minimize((x - a) ** 2, x))), None)


def test_points_stand_when_there_is_no_time_for_their_kinds(monkeypatch):
    from bilevel.app import points
    from bilevel.app.problem import problem_of

    def late(*_, **__):
        raise points.OutOfTime

    x = sp.Symbol("x", real=True)
    problem = problem_of(Game(p=minimize(x**2 - x**4, x)))
    with_kinds = points.points_of(problem, None)
    monkeypatch.setattr(points, "described", late)
    without = points.points_of(problem, None)
    assert [e.point for e in without.points] == [e.point for e in with_kinds.points] and without.complete
    assert all(e.kinds for e in with_kinds.points) and not any(e.kinds for e in without.points)

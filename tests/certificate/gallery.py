"""One or more good certificates of every kind: what the checker must accept, and the mutants start from."""

from __future__ import annotations

from typing import Any

XY = {"x": "real", "y": "real"}
HG = {"h": "positive", "g": "positive"}
HALF_H = ["/", "h", "2"]
DIRAC = {"theta": "real", "psi": "real", **HG}
PAYOFF = ["-", ["log", ["+", "1", ["exp", ["-", ["*", "psi", "theta"]]]]]]
SLOPE = ["sigmoid", ["-", ["*", "psi", "theta"]]]
PENALTY = ["*", "1/2", "g", ["^", "psi", 2]]
FIRST = ["-", "theta", ["*", "h", "psi", SLOPE]]
SECOND = ["+", "psi", ["*", "h", ["-", ["*", FIRST, ["sigmoid", ["-", ["*", "psi", FIRST]]]], ["*", "g", "psi"]]]]
ALTERNATING = [["1", ["-", HALF_H]], [HALF_H, ["+", "1", ["-", ["*", "g", "h"]], ["*", "-1/4", ["^", "h", 2]]]]]
BOWL = ["+", "1", ["-", ["^", "a", 2], ["*", "a", "b"]], ["^", "b", 2]]
ROOT = ["sqrt", ["+", ["^", "g", 2], "1"]]
LARGEST_STEP = ["<", "h", ["*", "4", ["-", ROOT, "g"]]]
CONJUGATE = ["+", ["*", "4", ["+", ROOT, "g"]], "h"]
FLIP = ["-", ["-", "4", ["*", "2", "g", "h"]], ["*", "1/4", ["^", "h", 2]]]
FORM = [[["+", ["^", "g", 2], "2"], ["-", "g"]], [["-", "g"], "2"]]


def _gram(basis: list[Any], gram: list[Any]) -> dict[str, Any]:
    return {"basis": basis, "gram": gram}


def _bilinear(weight: Any, left: str, right: str) -> list[dict[str, Any]]:
    payoff = ["*", weight, left, right]
    return [{"name": "G", "moves": [left], "minimize": payoff}, {"name": "D", "moves": [right], "maximize": payoff}]


GALLERY: dict[str, dict[str, Any]] = {
    "softplus": {
        "kind": "identity",
        "symbols": XY,
        "left": ["log", ["+", "1", ["exp", ["-", "x"]]]],
        "right": ["-", ["softplus", "x"], "x"],
    },
    "rational identity": {
        "kind": "identity",
        "symbols": {"p": "positive", "q": "positive"},
        "left": ["+", ["/", "p", ["+", "p", "q"]], ["sqrt", ["^", "p", 2]]],
        "right": ["-", ["+", "1", "p"], ["*", "q", ["^", ["+", "p", "q"], -1]]],
    },
    "trigonometry": {
        "kind": "identity",
        "symbols": XY,
        "left": ["*", ["^", ["sin", ["*", "2", "x"]], 2], "y"],
        "right": ["-", "y", ["*", "y", ["^", ["cos", ["*", "-2", "x"]], 2]]],
    },
    "gan derivative": {
        "kind": "derivative",
        "symbols": {"w": "real", "d": "positive"},
        "assume": [["<", "d", "1"]],
        "of": ["-", ["+", ["*", "w", ["log", "d"]], ["*", ["-", "1", "w"], ["log", ["-", "1", "d"]]]]],
        "in": "d",
        "is": ["/", ["-", "d", "w"], ["*", "d", ["-", "1", "d"]]],
    },
    "root derivative": {
        "kind": "derivative",
        "symbols": XY,
        "of": ["sqrt", ["+", "1", ["^", "x", 2], ["exp", ["*", "1/2", "y"]]]],
        "in": "y",
        "is": [
            "/",
            ["exp", ["/", "y", "2"]],
            ["*", "4", ["sqrt", ["+", "1", ["^", "x", 2], ["exp", ["/", "y", "2"]]]]],
        ],
    },
    "dirac field": {
        "kind": "field",
        "symbols": {name: DIRAC[name] for name in ("theta", "psi", "g")},
        "players": [
            {"name": "generator", "moves": ["theta"], "minimize": PAYOFF},
            {"name": "discriminator", "moves": ["psi"], "maximize": ["-", PAYOFF, PENALTY]},
        ],
        "field": {"theta": ["*", "psi", SLOPE], "psi": ["-", ["*", "g", "psi"], ["*", "theta", SLOPE]]},
    },
    "dirac jacobian": {
        "kind": "jacobian",
        "symbols": DIRAC,
        "time": "discrete",
        "order": ["theta", "psi"],
        "functions": [FIRST, SECOND],
        "at": {"theta": "0", "psi": "0"},
        "rows": ALTERNATING,
    },
    "jacobian anywhere": {
        "kind": "jacobian",
        "symbols": XY,
        "order": ["x", "y"],
        "functions": [["*", "x", ["^", "y", 2]]],
        "rows": [[["^", "y", 2], ["*", "2", "x", "y"]]],
    },
    "schur": {
        "kind": "schur",
        "matrix": [["1", "-1/4"], ["1/4", "7/16"]],
        "claim": "stable",
        "characteristic_polynomial": ["1", "-23/16", "1/2"],
    },
    "schur marginal": {
        "kind": "schur",
        "matrix": [["1", "-2"], ["2", "-3"]],
        "claim": "marginal",
        "boundary": "jordan",
    },
    "schur rate": {"kind": "schur", "matrix": [["1/2", "-1/4"], ["1/4", "1/2"]], "claim": "stable", "radius": "3/5"},
    "hurwitz": {"kind": "hurwitz", "matrix": [["0", "-1"], ["1", "-1/2"]], "claim": "stable", "abscissa": "-1/5"},
    "hurwitz marginal": {
        "kind": "hurwitz",
        "matrix": [["0", "-1"], ["1", "0"]],
        "claim": "marginal",
        "boundary": "semisimple",
    },
    "spectrum": {
        "kind": "spectrum",
        "time": "discrete",
        "matrix": [["1", "1", "0"], ["0", "1", "0"], ["0", "0", "3"]],
        "inside": 0,
        "on": 2,
        "outside": 1,
        "semisimple": False,
        "characteristic_polynomial": ["1", "-5", "7", "-3"],
    },
    "lyapunov flow": {
        "kind": "lyapunov",
        "symbols": {"g": "positive"},
        "time": "continuous",
        "matrix": [["0", "-1"], ["1", ["-", "g"]]],
        "P": FORM,
    },
    "lyapunov map": {
        "kind": "lyapunov",
        "time": "discrete",
        "matrix": [["1/2", "-1/4"], ["1/4", "1/2"]],
        "P": [["1", "1/8"], ["1/8", "1"]],
        "rate": "7/10",
    },
    "conserved by alternation": {
        "kind": "conserved",
        "symbols": {**XY, "h": "positive"},
        "time": "discrete",
        "order": ["x", "y"],
        "functions": [["-", "x", ["*", "h", "y"]], ["+", "y", ["*", "h", ["-", "x", ["*", "h", "y"]]]]],
        "quantity": ["-", ["+", ["^", "x", 2], ["^", "y", 2]], ["*", "h", "x", "y"]],
    },
    "conserved by a flow": {
        "kind": "conserved",
        "symbols": {"x": "positive", "y": "positive"},
        "time": "continuous",
        "order": ["x", "y"],
        "functions": [["*", "x", ["-", "1", "y"]], ["*", "y", ["-", "x", "1"]]],
        "quantity": ["-", ["+", "x", "y"], ["log", ["*", "x", "y"]]],
    },
    "global V": {
        "kind": "lyapunov_polynomial",
        "symbols": {**XY, "g": "positive"},
        "time": "continuous",
        "order": ["x", "y"],
        "functions": [["-", "y"], ["-", "x", ["*", "g", "y"]]],
        "V": [
            "+",
            ["*", ["+", ["^", "g", 2], "2"], ["^", "x", 2]],
            ["*", "-2", "g", "x", "y"],
            ["*", "2", ["^", "y", 2]],
        ],
        "positive": _gram(["x", "y"], FORM),
        "decrease": _gram(["x", "y"], [[["*", "2", "g"], "0"], ["0", ["*", "2", "g"]]]),
        "claim": "asymptotically stable",
    },
    "regional V": {
        "kind": "lyapunov_polynomial",
        "symbols": {"x": "real"},
        "time": "continuous",
        "order": ["x"],
        "functions": [["-", ["^", "x", 3], "x"]],
        "at": {"x": "0"},
        "V": ["^", "x", 2],
        "positive": _gram(["x"], [["1"]]),
        "decrease": _gram(["x"], [["1"]]),
        "region": {"level": "1/2", "multiplier": _gram(["x"], [["2"]])},
        "claim": "asymptotically stable",
    },
    "V of a map": {
        "kind": "lyapunov_polynomial",
        "symbols": XY,
        "time": "discrete",
        "order": ["x", "y"],
        "functions": ["y", ["-", "x"]],
        "V": ["+", ["^", "x", 2], ["^", "y", 2]],
        "positive": _gram(["x", "y"], [["1", "0"], ["0", "1"]]),
        "decrease": _gram([], []),
        "claim": "Lyapunov stable",
    },
    "alternating region": {
        "kind": "region",
        "symbols": HG,
        "time": "discrete",
        "order": ["theta", "psi"],
        "jacobian": ALTERNATING,
        "coefficients": [
            ["c1", ["-", ["+", ["/", ["^", "h", 2], "4"], ["*", "g", "h"]], "2"]],
            ["c2", ["-", "1", ["*", "g", "h"]]],
        ],
        "conditions": [["+", "1", "c1", "c2"], ["-", ["+", "1", "c2"], "c1"], ["-", "1", "c2"]],
        "claim": [["<", ["+", ["/", ["^", "h", 2], "4"], ["*", "2", "h", "g"]], "4"]],
    },
    "witnessed region": {
        "kind": "region",
        "symbols": {"g": "positive", "m": "positive"},
        "time": "continuous",
        "jacobian": [["0", "1", "0"], ["0", "0", "1"], ["-2", ["-", "m"], ["-", "g"]]],
        "claim": [["-", ["*", "g", "m"], "2"]],
    },
    "region solved for the step": {
        "kind": "region",
        "symbols": HG,
        "time": "discrete",
        "jacobian": ALTERNATING,
        "claim": [LARGEST_STEP],
        "steps": [
            {"condition": FLIP, "because": ["*", "1/4", ["given", LARGEST_STEP], CONJUGATE]},
            {"condition": LARGEST_STEP, "because": ["/", ["*", "4", ["given", FLIP]], CONJUGATE]},
        ],
    },
    "region by squares": {
        "kind": "region",
        "symbols": {"a": "real", "b": "real"},
        "time": "continuous",
        "jacobian": [[["-", ["-", ["*", "a", "b"], ["^", "a", 2]], ["+", ["^", "b", 2], "1"]]]],
        "claim": [],
        "steps": [
            {
                "condition": BOWL,
                "because": ["+", ["^", ["-", "a", ["/", "b", "2"]], 2], ["*", "3/4", ["^", "b", 2]], "1"],
            }
        ],
    },
    "region from a given condition": {
        "kind": "region",
        "symbols": XY,
        "time": "continuous",
        "order": ["u", "v"],
        "jacobian": [["0", "1"], [["-", "x"], ["-", ["-", "x"], ["^", "y", 2]]]],
        "claim": [[">", "x", "0"]],
        "steps": [{"condition": ["+", "x", ["^", "y", 2]], "because": ["+", ["given", "x"], ["^", "y", 2]]}],
    },
    "region through z3": {
        "kind": "region",
        "symbols": {"a": "real", "b": "real"},
        "assume": [[">", ["-", ["*", "a", "a"], ["*", "3", "b"]], "0"]],
        "time": "continuous",
        "jacobian": [[["-", ["-", ["*", "a", "b"], ["^", "a", 2]], ["+", ["^", "b", 2], "1"]]]],
        "claim": [],
        "steps": [{"condition": BOWL, "because": "z3"}],
    },
    "impossible region": {
        "kind": "region",
        "symbols": {"h": "positive"},
        "time": "discrete",
        "jacobian": [["1", ["-", HALF_H]], [HALF_H, "1"]],
        "claim": "false",
    },
    "proportional games": {
        "kind": "correspondence",
        "symbols": {"a": "real", "b": "real", "u": "real", "v": "real", "k": "positive"},
        "relation": "constant",
        "first": _bilinear("k", "a", "b"),
        "second": _bilinear("1", "u", "v"),
        "map": {"a": "u", "b": "v"},
        "factors": "k",
    },
    "equal fields": {
        "kind": "correspondence",
        "symbols": {"a": "real", "b": "real", "u": "real", "v": "real"},
        "relation": "equal-fields",
        "first": _bilinear("2", "a", "b"),
        "second": _bilinear("-1", "u", "v"),
        "map": {"a": ["-", "u"], "b": ["/", "v", "2"]},
    },
    "two parts": {
        "kind": "correspondence",
        "statement": "two facts",
        "parts": [
            {"kind": "identity", "symbols": {"x": "real"}, "left": ["+", "x", "x"], "right": ["*", "2", "x"]},
            {"kind": "hurwitz", "matrix": [["-1"]], "claim": "stable"},
        ],
    },
    "rock, paper, scissors from rock": {
        "kind": "double_oracle",
        "payoff": [["0", "-1", "1"], ["1", "0", "-1"], ["-1", "1", "0"]],
        "start": [0, 0],
        "rounds": [
            {"rows": [0], "columns": [0], "row": ["1"], "column": ["1"], "value": "0"},
            {"rows": [0, 1], "columns": [0, 1], "row": ["0", "1"], "column": ["0", "1"], "value": "0"},
            {
                "rows": [0, 1, 2],
                "columns": [0, 1, 2],
                "row": ["1/3", "1/3", "1/3"],
                "column": ["1/3", "1/3", "1/3"],
                "value": "0",
            },
        ],
    },
}

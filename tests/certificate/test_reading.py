"""Malformed, hostile and oversized certificates are refused with words; the checker stands alone."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import bilevel.certificate as package
from bilevel.certificate import CertificateBudget, CertificateError, check, check_text

GOOD: dict[str, Any] = {"kind": "identity", "symbols": {"x": "real"}, "left": "x", "right": "x"}
FOLDER = Path(package.__file__).parent


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"kind": "guess"}, "no kind of certificate"),
        ({"kind": None}, "no kind of certificate"),
        ({"lefft": "x"}, "no field 'lefft'"),
        ({"note": 3}, "text for people"),
        ({"left": 1}, "an expression is a string or a list"),
        ({"left": 0.5}, "an expression is a string or a list"),
        ({"left": "0.5"}, "rational"),
        ({"left": "1/0"}, "denominator zero"),
        ({"left": "x y"}, "rational"),
        ({"left": "__import__('os')"}, "rational"),
        ({"left": "٣"}, "rational"),
        ({"left": "x\n"}, "rational"),
        ({"left": []}, "an expression is"),
        ({"left": ["+"]}, "cannot take 0 arguments"),
        ({"left": ["%", "x", "2"]}, "no operator"),
        ({"left": ["^", "x", True]}, "an expression is"),
        ({"left": ["^", "x", 100000]}, "budget"),
        ({"left": ["^", ["^", ["^", ["+", "x", "1"], 200], 200], 200]}, "budget"),
        ({"left": ["call", "f", [-1], "x"]}, "derivative order"),
        ({"left": ["call", "f", [0, 0], "x"]}, "derivative order"),
        ({"left": "y"}, "not declared"),
        ({"left": ["/", "1", "0"]}, "division by zero"),
        ({"left": ["^", ["-", "x", "x"], -1]}, "division by zero"),
        ({"symbols": {"x": "imaginary"}}, "declares no symbol"),
        ({"symbols": []}, "symbols"),
        ({"assume": [["x", ">", "0"]]}, "assumption"),
        ({"assume": [[">", "x", "0"], ["<", "x", "-1"]]}, "about nothing"),
        ({"assume": [[">", "x", "0"]], "example": {"x": "-1"}}, "does not satisfy"),
        ({"left": "9" * 5000}, "budget"),
    ],
)
def test_a_bad_certificate_is_refused_with_words(change: dict[str, Any], words: str) -> None:
    with pytest.raises(CertificateError, match=words):
        check({**GOOD, **change})


def test_missing_fields_and_other_things_are_refused() -> None:
    for missing in ("kind", "symbols", "left"):
        with pytest.raises(CertificateError):
            check({k: v for k, v in GOOD.items() if k != missing})
    for thing in (None, [], "identity", 3, {1: 2}):
        with pytest.raises(CertificateError):
            check(thing)


@pytest.mark.parametrize(
    "text", ["", "[", "[1]", '{"kind": "schur", "matrix": [[1.5]], "claim": "stable"}', "NaN", '{"a": 1, "a": 2}']
)
def test_bad_text_is_refused(text: str) -> None:
    with pytest.raises(CertificateError):
        check_text(text)


def test_depth_and_size_end_in_the_budget() -> None:
    deep: Any = "x"
    for _ in range(100_000):
        deep = ["-", deep]
    with pytest.raises(CertificateBudget):
        check({**GOOD, "left": deep})
    with pytest.raises(CertificateError):
        check_text("[" * 200_000)
    with pytest.raises(CertificateBudget):
        check({**GOOD, "left": ["+", *["x"] * 60_000]})
    with pytest.raises(CertificateBudget):
        check({"kind": "schur", "matrix": [["0"] * 100] * 100, "claim": "stable"})


def test_a_narrow_domain_needs_an_example() -> None:
    narrow = {**GOOD, "assume": [[">", "x", "7/2"], ["<", "x", "18/5"]]}
    with pytest.raises(CertificateError, match="example"):
        check(narrow)
    assert check({**narrow, "example": {"x": "71/20"}}).ok
    equation = {**GOOD, "assume": [["==", ["*", "3", "x"], "11/7"]]}
    assert check({**equation, "example": {"x": "11/21"}}).ok
    with pytest.raises(CertificateError, match="does not satisfy"):
        check({**equation, "example": {"x": "10/21"}})


def test_the_checker_imports_only_the_standard_library_and_flint() -> None:
    allowed = set(sys.stdlib_module_names) | {"flint"}
    for path in FOLDER.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = (
                [a.name for a in node.names]
                if isinstance(node, ast.Import)
                else [node.module or ""]
                if isinstance(node, ast.ImportFrom)
                else []
            )
            for name in names:
                assert name.split(".")[0] in allowed or name.startswith("bilevel.certificate"), (
                    f"{path.name} imports {name}"
                )


def test_checking_does_not_load_sympy() -> None:
    text = json.dumps(GOOD)
    lines = f"import sys; from bilevel.certificate import check_text; assert check_text({text!r}).ok"
    subprocess.run([sys.executable, "-c", f"{lines}; assert 'sympy' not in sys.modules"], check=True, timeout=60)

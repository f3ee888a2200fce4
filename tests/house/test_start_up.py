"""What a start must not pay for: the heavy packages load when they are used, not before."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.house.source import ROOT

HEAVY = ("jax", "matplotlib", "sympy", "scipy", "numpy", "xarray", "z3")
HELP = """
import runpy
sys.argv = ["bilevel", "--help"]
try:
    runpy.run_module("bilevel", run_name="__main__")
except SystemExit as end:
    assert not end.code, end.code
"""


def loaded_after(code: str) -> set[str]:
    """The heavy packages that a fresh Python holds after running the code."""
    report = f"import sys\n{code}\nprint('\\nloaded:', *[name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", report], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.rpartition("loaded:")[2].split())


@pytest.mark.parametrize(
    ("code", "forbidden"),
    [
        ("import bilevel", set(HEAVY)),
        ("import bilevel.certificate", {"sympy", "jax", "matplotlib", "scipy"}),
        (HELP, {"sympy", "jax", "matplotlib", "scipy"}),
        ("import bilevel; bilevel.Game, bilevel.vector, bilevel.rules, bilevel.derive", {"jax", "matplotlib"}),
        ("import bilevel; bilevel.stability, bilevel.equilibria, bilevel.models", {"jax", "matplotlib"}),
    ],
    ids=["import", "certificate", "help", "games", "analysis"],
)
def test_nothing_heavy_is_loaded_early(code, forbidden):
    assert not loaded_after(code) & forbidden

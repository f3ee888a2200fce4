"""Every equation of every theorem, at random networks, laws and points, in JAX."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from bilevel.numeric import check_proof

FILES = sorted((Path(__file__).resolve().parents[2] / "proofs").rglob("theorem_*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_claimed_equation_holds_numerically(path: Path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    checks = check_proof(module.prove(), trials=2)
    assert all(checks), [str(check) for check in checks if not check]

"""A problem file for every test of the command line."""

from __future__ import annotations

import pytest

from tests.app.test_problem import DIRAC


@pytest.fixture
def dirac(tmp_path):
    path = tmp_path / "dirac.toml"
    path.write_text(DIRAC)
    return str(path)

"""The project's own files agree: the set-up script, the declared packages and the pinned ones."""

from __future__ import annotations

import ast
import importlib.util
import re
import subprocess
import sys
import tomllib
from types import ModuleType

import pytest

from tests.house.source import ROOT, complain

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
CONSTRAINTS = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()


def distribution(requirement: str) -> str:
    """`python-flint>=0.8` -> `python-flint`."""
    return re.split(r"[<>=!~ ;\[]", requirement)[0].lower()


@pytest.fixture
def dev(tmp_path) -> ModuleType:
    """A fresh copy of dev.py as a module, whose environment lies in a temporary folder."""
    spec = importlib.util.spec_from_file_location("dev_under_test", ROOT / "dev.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.ROOT, module.ENV, module.STAMP = tmp_path, tmp_path / ".venv", tmp_path / ".venv" / ".stamp"
    for name in ("pyproject.toml", "constraints.txt"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    return module


def test_old_pythons_can_read_dev_and_say_that_they_are_old():
    source = (ROOT / "dev.py").read_text(encoding="utf-8")
    tree = ast.parse(source, feature_version=(3, 8))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert imported <= set(sys.stdlib_module_names)


def test_dev_explains_itself_when_the_task_is_unknown():
    done = subprocess.run([sys.executable, ROOT / "dev.py", "dance"], capture_output=True, text=True)
    assert done.returncode == 1
    assert "python3 dev.py test" in done.stderr


def test_every_task_is_explained(dev):
    assert set(re.findall(r"python3 dev\.py (\w+)", dev.__doc__)) == set(dev.TASKS)


def test_a_changed_pin_asks_for_a_new_set_up(dev, tmp_path):
    before = dev.fingerprint()
    assert dev.fingerprint() == before
    (tmp_path / "constraints.txt").write_text("numpy==1.0\n")
    assert dev.fingerprint() != before


def test_two_set_ups_wait_for_each_other(dev):
    with dev.one_at_a_time(), open(f"{dev.ENV}.lock", "a+") as second:
        assert not dev.try_lock(second)
    with open(f"{dev.ENV}.lock", "a+") as third:
        assert dev.try_lock(third)


@pytest.mark.parametrize("failing", [(), ("ruff",), ("mypy",), ("pytest",)])
def test_the_test_task_fails_if_any_part_fails_and_ends_with_pytest(dev, monkeypatch, failing):
    ran = []
    monkeypatch.setattr(dev, "python", lambda *words: ran.append(words[1]) or int(words[1] in failing))
    assert bool(dev.test([])) == bool(failing)
    assert ran == ["ruff", "mypy", "pytest"]


def test_declared_packages_are_pinned():
    pinned = {distribution(line) for line in CONSTRAINTS}
    project = PROJECT["project"]
    extras = [line for lines in project["optional-dependencies"].values() for line in lines]
    declared = {distribution(line) for line in [*project["dependencies"], *extras]} - {project["name"]}
    complain(sorted(declared - pinned), "each declared package stands in constraints.txt")


def test_pins_are_exact_and_name_no_place():
    loose = [line for line in CONSTRAINTS if not re.fullmatch(r"[a-z0-9-]+==[\w.]+( ; .+)?", line)]
    complain(loose, "constraints.txt holds `name==version` with at most a marker")
    complain([line for line in PROJECT["build-system"]["requires"] if "==" not in line], "the build backend is pinned")


def test_every_benchmark_starts():
    names = sorted(f"benchmarks.{path.stem}" for path in (ROOT / "benchmarks").glob("*.py"))
    done = subprocess.run(
        [sys.executable, "-c", f"import {', '.join(names)}"], cwd=ROOT, capture_output=True, text=True
    )
    assert names and done.returncode == 0, done.stderr

"""Whatever is shown is run: docstrings, README, notebooks. (Proofs have tests of their own.)"""

from __future__ import annotations

import ast
import doctest
import importlib
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.source import ROOT, complain, files, module_name

FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.py"))
README = ROOT / "README.md"


def modules() -> list[str]:
    """Modules with a doctest in their text; the entry point is not to be imported."""
    importable = (path for path in files() if path.name != "__main__.py")
    return [module_name(path) for path in importable if ">>>" in path.read_text(encoding="utf-8")]


def run_doctests(test: doctest.DocTest) -> str:
    """The report of a failing doctest, or nothing."""
    report: list[str] = []
    runner = doctest.DocTestRunner(optionflags=FLAGS, verbose=False)
    runner.run(test, out=report.append, clear_globs=False)
    return "".join(report)


@pytest.mark.parametrize("name", modules())
def test_docstring_examples(name):
    module = importlib.import_module(name)
    reports = [run_doctests(test) for test in doctest.DocTestFinder().find(module) if test.examples]
    complain([report for report in reports if report], "the examples of a docstring run and print what is shown")


def blocks(text: str, *languages: str) -> list[tuple[int, str]]:
    """(line number, body) of the fenced blocks of a Markdown text in one of the languages."""
    pattern = re.compile(rf"^```(?:{'|'.join(languages)})\n(.*?)^```", re.MULTILINE | re.DOTALL)
    return [(text.count("\n", 0, match.start(1)) + 1, match.group(1)) for match in pattern.finditer(text)]


def run_block(source: str, names: dict, where: str) -> list[str]:
    """Run a block; `expression    # value` must have the value shown. What differs is returned."""
    if ">>>" in source:
        report = run_doctests(doctest.DocTestParser().get_doctest(source, names, where, where, 0))
        return [report] if report else []
    wrong = []
    for node in ast.parse(source).body:
        if not isinstance(node, ast.Expr):
            exec(compile(ast.Module([node], []), where, "exec"), names)
            continue
        value = eval(compile(ast.Expression(node.value), where, "eval"), names)
        line = source.splitlines()[node.end_lineno - 1][node.end_col_offset :]
        shown = re.split(r"\s{3,}", line.partition("#")[2].strip())[0]  # prose may follow after three blanks
        if shown and shown not in (repr(value), str(value)):
            wrong.append(f"{where}, line {node.lineno}: {ast.unparse(node)} shows {shown} and gives {value!r}")
    return wrong


def test_readme_python():
    names: dict = {}
    wrong = []
    for line, source in blocks(README.read_text(encoding="utf-8"), "python", "pycon"):
        wrong += run_block(source, names, f"README.md:{line}")
    complain(wrong, "README's Python blocks, run in order, give what they show")


def readme_commands() -> list[str]:
    """The lines of README's shell blocks that call `bilevel`, but for the main job, which has its own test."""
    found = blocks(README.read_text(encoding="utf-8"), "sh", "bash", "console", "shell")
    lines = [line.removeprefix("$ ").split("  #")[0].strip() for _, body in found for line in body.splitlines()]
    return [line for line in lines if line.startswith("bilevel ") and not line.startswith("bilevel run")]


def test_readme_commands():
    wrong = []
    for command in readme_commands():
        done = run(["-m", "bilevel", *shlex.split(command)[1:]], cwd=ROOT)
        if done.returncode:
            wrong.append(f"{command}: exit status {done.returncode}\n{done.stderr[-2000:]}")
    complain(wrong, "README's `bilevel` commands answer")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=[path.stem for path in NOTEBOOKS])
def test_notebooks_run_as_plain_scripts(path, tmp_path):
    assert "# %%" in path.read_text(encoding="utf-8"), "a notebook is a Python file with `# %%` cells"
    done = run([str(path)], cwd=tmp_path)
    assert done.returncode == 0, f"{path.name}:\n{done.stderr[-4000:]}"


def run(arguments: list[str], cwd: Path) -> subprocess.CompletedProcess:
    """A fresh Python on the arguments, without a display."""
    environment = os.environ | {"MPLBACKEND": "Agg", "JAX_PLATFORMS": "cpu", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=300)


def test_a_block_that_shows_a_wrong_value_is_caught():
    assert run_block("x = 2\nx + 1    # 3\nx + 2    # 4   and so on\n", {}, "sample") == []
    assert run_block("x = 2\nx + 1    # 4\n", {}, "sample") == ["sample, line 2: x + 1 shows 4 and gives 3"]
    assert run_block(">>> 1 + 1\n2\n", {}, "sample") == []
    assert "Expected" in run_block(">>> 1 + 1\n3\n", {}, "sample")[0]

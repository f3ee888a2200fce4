"""The repository names no package index, no path of a machine, and hands no text to an evaluator."""

from __future__ import annotations

import ast
import os
import re
from pathlib import Path
from urllib.parse import urlsplit

from tests.house.source import ROOT, complain, files, parse, tracked_files

# written in pieces, so that this file does not contain what it forbids
REGISTRIES = [f"{name}.org" for name in ("pypi", "pythonhosted", "anaconda", "npmjs")]
MACHINE_PATHS = ["/" + place for place in ("work/", "root/", "tmp/bash", "builds/", "Users/")]
EVALUATORS = {"eval", "exec", "compile", "__import__", "sympify", "parse_expr", "parse_latex", "eval_expr"}
UNSAFE_MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "marshal", "shelve", "sympy.parsing"}


def text_of(path: Path) -> str:
    """A tracked file as text; what is no text holds nothing to read."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return ""


def index_hosts() -> set[str]:
    """Hosts that this machine's pip is set up to ask."""
    places = [Path("/etc/pip.conf"), Path.home() / ".config/pip/pip.conf", Path.home() / ".pip/pip.conf"]
    settings = [path.read_text(encoding="utf-8") for path in places if path.is_file()]
    settings += [value for name, value in os.environ.items() if name.startswith(("PIP_", "UV_"))]
    hosts = {urlsplit(url).hostname for url in re.findall(r"https?://[^\s'\"]+", " ".join(settings))}
    return {host for host in hosts if host and "." in host}


def test_no_file_names_a_package_index():
    hosts = {*REGISTRIES, *index_hosts()}
    found = [f"{path.relative_to(ROOT)}: {host}" for path in tracked_files() for host in hosts if host in text_of(path)]
    complain(found, "a tracked file names no package index: the machine's own settings apply")


def test_no_file_names_a_path_of_a_machine():
    places = [*MACHINE_PATHS, *(f"{place}/" for place in (ROOT, Path.home()) if len(place.parts) > 1)]
    pattern = re.compile("|".join(rf"(?<![\w.~-]){re.escape(place)}" for place in places))
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}"
        for path in tracked_files()
        for number, line in enumerate(text_of(path).splitlines(), 1)
        if pattern.search(line)
    ]
    complain(found, "a tracked file names no absolute path of the machine it was written on")


def unsafe(tree: ast.Module) -> list[tuple[int, str]]:
    """(line, what) of calls that run text, and of imports that load code from data."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and (name := called(node)) in EVALUATORS and not harmless(node):
            found.append((node.lineno, f"calls {name}"))
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            base = getattr(node, "module", None)
            names = [f"{base}.{alias.name}" if base else alias.name for alias in node.names]
            bad = [name for name in names if any(f"{name}.".startswith(f"{module}.") for module in UNSAFE_MODULES)]
            found += [(node.lineno, f"imports {name}") for name in bad]
        elif isinstance(node, ast.keyword) and node.arg in ("allow_pickle", "shell") and not is_false(node.value):
            found.append((node.value.lineno, f"sets {node.arg}"))
    return found


def is_false(node: ast.expr) -> bool:
    """Whether an argument is written as the constant False."""
    return isinstance(node, ast.Constant) and node.value is False


def called(node: ast.Call) -> str:
    """The last part of the name of what is called, but `re.compile` and jax's `.compile()` compile no Python."""
    if isinstance(node.func, ast.Name):
        return node.func.id
    if isinstance(node.func, ast.Attribute) and node.func.attr not in ("compile", "eval"):
        return node.func.attr
    return ""


def harmless(node: ast.Call) -> bool:
    """sympify(x, strict=True) refuses text, so no text is run."""
    return any(word.arg == "strict" and getattr(word.value, "value", None) is True for word in node.keywords)


def test_no_text_reaches_an_evaluator():
    found = [f"{path.relative_to(ROOT)}:{line} {what}" for path in files() for line, what in unsafe(parse(path))]
    complain(found, "our reader reads text: no eval, exec, pickle; sympify only with strict=True, which refuses text")


def test_the_search_for_evaluators_finds_them():
    bad = [
        "import pickle",
        "from sympy.parsing.sympy_parser import parse_expr",
        "eval('1')",
        "sp.sympify('x')",
        "np.load(f, allow_pickle=True)",
    ]
    good = ["re.compile('x')", "sympify(x, strict=True)", "_sympify(x)", "np.load(f, allow_pickle=False)"]
    assert all(len(unsafe(ast.parse(line))) == 1 for line in bad)
    assert not any(unsafe(ast.parse(line)) for line in good)

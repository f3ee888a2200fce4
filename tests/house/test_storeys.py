"""Imports go downwards only, in no circles, and only to declared packages."""

from __future__ import annotations

import re
import sys
import tomllib

from tests.house.source import ROOT, complain, files, imported_modules, module_name, module_names, storey

JAX_FAMILY = {"jax", "jaxlib", "equinox", "optimistix", "lineax", "optax"}
DISTRIBUTION = {"flint": "python-flint", "z3": "z3-solver", "mpmath": "sympy", "jaxlib": "jax"}


def outside(path) -> set[str]:
    """The top-level names of the packages a file imports that are neither ours nor Python's."""
    tops = {name.split(".")[0] for name in imported_modules(path)}
    return tops - {"bilevel", "__future__", ""} - set(sys.stdlib_module_names)


def test_imports_go_downwards():
    offenders = [
        f"{module_name(path)} (storey {storey(module_name(path))}) imports {target} (storey {storey(target)})"
        for path in files()
        for target in sorted(imported_modules(path) & module_names() - {"bilevel"})  # the face holds the version
        if storey(target) > storey(module_name(path))
    ]
    complain(offenders, "each file imports only from its own storey or below")


def test_rooms_of_one_storey_do_not_form_circles():
    rooms: dict[str, set[str]] = {}
    for path in files():
        here = ".".join(module_name(path).split(".")[:2])
        there = {".".join(target.split(".")[:2]) for target in imported_modules(path) & module_names()}
        rooms.setdefault(here, set()).update(there - {here, "bilevel"})
    complain(circles(rooms), "no two rooms of a storey import each other")


def test_no_import_circles():
    ours: dict[str, set[str]] = {}
    for path in files():
        here = module_name(path)
        there = imported_modules(path) & module_names() - {here, "bilevel"}
        # a package's lazy table of its own modules is no import of them
        ours[here] = {target for target in there if not target.startswith(f"{here}.")}
    complain(circles(ours), "no circle of imports, inside functions neither")


def test_certificates_stand_alone():
    offenders = []
    for path in (ROOT / "bilevel" / "certificate").rglob("*.py"):
        ours = {target for target in imported_modules(path) if target.startswith("bilevel")}
        foreign = {target for target in ours if not target.startswith("bilevel.certificate")}
        foreign |= outside(path) - {"flint"}
        offenders += [f"{module_name(path)} imports {target}" for target in sorted(foreign)]
    complain(offenders, "certificates are checked with nothing but Python and python-flint")


def test_jax_stays_in_the_numeric_storey():
    rooms = ("bilevel.numeric", "bilevel.testing")
    offenders = [
        f"{module_name(path)} imports {', '.join(sorted(found))}"
        for path in files()
        if (found := outside(path) & JAX_FAMILY) and not module_name(path).startswith(rooms)
    ]
    complain(offenders, "JAX and what builds on it is imported in bilevel.numeric and bilevel.testing only")


def test_every_import_is_declared():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = {re.split(r"[<>=!~ ;\[]", line)[0].lower() for line in project["dependencies"]}
    offenders = [
        f"{module_name(path)} imports {name}"
        for path in files()
        for name in sorted(outside(path))
        if DISTRIBUTION.get(name, name).lower() not in declared
    ]
    complain(offenders, "what the package imports is declared in pyproject.toml")


def circles(graph: dict[str, set[str]]) -> list[str]:
    """Each circle found by walking the graph depth first, written as a -> b -> a."""
    found: list[str] = []
    done: set[str] = set()

    def walk(node: str, trail: tuple[str, ...]) -> None:
        if node in trail:
            found.append(" -> ".join([*trail[trail.index(node) :], node]))
        elif node not in done:
            for target in sorted(graph.get(node, ())):
                walk(target, (*trail, node))
            done.add(node)

    for node in sorted(graph):
        walk(node, ())
    return found


def test_the_circle_finder_finds_circles():
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == ["a -> b -> c -> a"]
    assert circles({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []

"""The main job: the paper's correspondence from the players' losses to a page that shows and proves it.

Main definitions: `main` (write out/report.html and out/report.json).
"""

from __future__ import annotations

import json as json_format
import platform
import sys
import time
from collections.abc import Callable, Iterable
from importlib import metadata
from pathlib import Path
from typing import Any

import bilevel
from bilevel import show
from bilevel.app import (
    report_cast,
    report_dirac,
    report_games,
    report_relations,
    report_structure,
    report_theorems,
    report_updates,
    report_worker,
)
from bilevel.app.report_parts import Part, listed
from bilevel.app.theorems import theorems

TITLE = "A GAN is an actor-critic method"
_ORDER = ("definitions", "environment", "structure", "updates", "relations", "theorems", "dirac-gan")
_TOOLS = ("sympy", "python-flint", "jax", "numpy", "matplotlib")


def main(output_folder: str | Path = "out", *, quiet: bool = False, json: bool = False) -> int:
    """Derive, prove, check, draw; write `report.html` and `report.json`; 0 if the paper's theorems stand, else 3."""
    began = time.perf_counter()
    tell = _teller(quiet)
    cast = report_cast.Cast()
    parts: list[Part] = []
    for words, made in _steps(cast, tell):
        tell(words)
        parts.append(made())
    found = next(part.data["theorems"] for part in parts if "theorems" in part.data)
    seconds = time.perf_counter() - began
    folder = Path(output_folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.html").write_text(_page(parts, found, seconds), encoding="utf-8")
    data = {"title": TITLE, "bilevel": bilevel.__version__, "versions": versions(), "seconds": round(seconds, 1),
            **{part.section.anchor: part.data for part in parts}}  # fmt: skip
    written = json_format.dumps(data, indent=1, ensure_ascii=False)
    (folder / "report.json").write_text(written + "\n", encoding="utf-8")
    tell("")
    if json:
        print(written)
    elif not quiet:
        standing = sum(one["stands"] for one in found)
        print(f"{folder / 'report.html'}: {standing} of {len(found)} theorems stand; {seconds:.0f} s")
    return 0 if all(one["stands"] for one in found) else 3


def _steps(cast: report_cast.Cast, tell: Callable[[str], None]) -> Iterable[tuple[str, Callable[[], Part]]]:
    """What is done; the theorems come last because a second process works on them meanwhile."""
    cards = report_worker.begin(tell)
    yield "the two definitions", lambda: report_games.definitions(cast)
    yield "the environment", lambda: report_games.environment(cast)
    yield "the information structure", lambda: report_structure.figure_one(cast)
    yield "the update equations", lambda: report_updates.updates(cast)
    yield "the relations between the games", lambda: report_relations.relations(cast, tell)
    yield "the Dirac-GAN", lambda: report_dirac.dirac(report_dirac.Dirac())
    yield "the theorems", lambda: report_theorems.section(cards(), [one for one in theorems() if not one.of_the_paper])


def _teller(quiet: bool) -> Callable[[str], None]:
    """One line of progress on a terminal, nothing elsewhere."""
    if quiet or not sys.stderr.isatty():
        return lambda words: None

    def tell(words: str) -> None:
        print(f"\r\x1b[K{words[:76]}", end="", file=sys.stderr, flush=True)

    return tell


def _page(parts: list[Part], found: list[dict[str, Any]], seconds: float) -> str:
    return show.page(
        TITLE,
        _summary(found),
        *(part.section for part in sorted(parts, key=lambda part: _ORDER.index(part.section.anchor))),
        _again(found, seconds),
        subtitle="Derived, proved and checked from the players' losses, after Pfau and Vinyals (2016), "
        "arXiv:1610.01945",
        lead="A generator that fools a discriminator is an actor that cannot see, in an environment whose reward "
        "it cannot affect. "
        "This page derives both methods' updates from their definitions, proves in which sense they are the "
        "same, and shows why "
        "such training circles and when it converges.",
        footer=f"Made by bilevel {bilevel.__version__} in {seconds:.0f} s.",
    )


def _summary(found: list[dict[str, Any]]) -> Any:
    standing = [one for one in found if one["stands"]]
    claims, checks = (sum(len(one.get(kind, ())) for one in found) for kind in ("claims", "numeric"))
    return show.section(
        "In short",
        show.bullets(
            f"{len(standing)} of the paper's {len(found)} theorems stand, with {claims} claims; every one is decided "
            f"anew when this page is made, and {checks} of their equations are compared in JAX.",
            "With a blind actor, a cross-entropy critic, and the actor's signal scaled and masked, the "
            "actor-critic method's update "
            "is exactly half the minimax GAN's, for networks of any form and spaces of any dimension. The 1/2 is "
            "the coin's.",
            "The true return does not depend on the actor. It learns all the same, from what predicts the reward "
            "and does not cause it.",
            "The two diagrams of Figure 1 are isomorphic up to one edge: whether the first model sees anything.",
            "On the smallest instance the flow circles, simultaneous steps diverge, and alternating steps never "
            "converge exponentially; "
            "with a penalty all three converge, for exactly the step sizes shown.",
        ),
        show.table(["Sign", "Means"], [(show.badge(word), meaning) for word, meaning in _meanings()]),
        anchor="summary",
    )


def _meanings() -> list[tuple[str, str]]:
    return [
        ("exact", "proved by exact arithmetic, or refuted by an exact counterexample"),
        ("enclosed", "proved within rigorous error bounds"),
        ("float", "computed in floating point, not proved"),
        ("unknown", "not decided"),
    ]


def _again(found: list[dict[str, Any]], seconds: float) -> Any:
    names = listed(f"{name} {number}" for name, number in versions().items())
    return show.section(
        "How to check it again",
        show.bullets(
            ("This page: ", show.code("python3 dev.py run"), " in a checkout, or ", show.code("bilevel run"), "."),
            ("The proofs alone: ", show.code("python3 dev.py test tests/proofs"), "."),
            (
                "One theorem: ",
                show.code("bilevel prove 1"),
                "; all of them, those on other methods too: ",
                show.code("bilevel prove"),
                ".",
            ),
            ("A stability verdict: ", show.code("bilevel stability dirac_gan --rule alternating"), "."),
            ("All of this as data: ", show.code("report.json"), ", beside this page."),
        ),
        show.paragraph(f"Made with {names} in {seconds:.0f} s."),
    )


def versions() -> dict[str, str]:
    """Python and the packages the answers rest on."""
    found = {"bilevel": bilevel.__version__, "Python": platform.python_version()}
    for name in _TOOLS:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found

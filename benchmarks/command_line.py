"""How long does the command line take to answer on every model of the catalogue, and what stays unknown?

Runs `bilevel derive`, `equilibria` and `stability` on each model in a process of its own and measures processor time,
user and system together, starting included. Prints what took longer than LIMIT, what is unknown, in whole or in part,
with its reason, and what failed; then the median, the slowest, and the ratio to `import sympy` in a process of its own.

Run `python benchmarks/command_line.py [MODEL ...] [--rule NAME] [-o FOLDER]`; with a folder, what was printed is kept
there.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from bilevel import models, rules

LIMIT = 2.0  # seconds of processor time
COMMANDS = ("derive", "equilibria", "stability")
ROOT = Path(__file__).resolve().parents[1]
AT_WORK = os.environ | {"PYTHONPATH": str(ROOT)}  # the checkout measured is the one this program stands in


@dataclass(frozen=True)
class Answer:
    """What one command said, and what it cost."""

    command: str
    model: str
    seconds: float
    status: int
    out: str
    err: str

    @property
    def unknown(self) -> list[str]:
        """What the answer leaves open: notes, reasons, nonlinear terms that decide nothing; or why there is none."""
        said = [line.strip() for line in self.out.splitlines()]
        left = [line for line in said if line.startswith(("note:", "because")) or "undecided, by" in line]
        return left or ([self.err.strip()] if self.status else [])


def processor_time(arguments: list[str]) -> tuple[float, subprocess.CompletedProcess[str]]:
    """Processor time of a fresh Python and of all it started, and how it ended."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    ended = subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, env=AT_WORK, cwd=ROOT, check=False
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, ended


def answer(command: str, model: str, rule: str | None) -> Answer:
    """One command on one model."""
    more = ["--rule", rule] if rule else []
    seconds, ended = processor_time(["-m", "bilevel", command, model, *more])
    return Answer(command, model, seconds, ended.returncode, ended.stdout, ended.stderr)


def told(one: Answer) -> None:
    """What there is to say about an answer; nothing where it is quick and complete."""
    said = ["slow"] * (one.seconds > LIMIT) + one.unknown
    if one.status not in (0, 3) or "Traceback" in one.err or "defect" in one.err:
        said.append(f"exit {one.status}: {one.err.strip()}")
    for text in said:
        print(f"| {one.model} | {one.command} | {one.seconds:.1f} s | {text} |", flush=True)


def summary(found: list[Answer]) -> None:
    """Median and slowest of each command, beside the yardstick."""
    sympy = statistics.median(processor_time(["-c", "import sympy"])[0] for _ in range(3))
    print(f"\nimport sympy: {sympy:.2f} s\n\n| command | models | median | ratio | over {LIMIT:g} s | slowest |")
    print("|---|---|---|---|---|---|")
    for command in COMMANDS:
        own = [one for one in found if one.command == command]
        middle, slowest = statistics.median(one.seconds for one in own), max(own, key=lambda one: one.seconds)
        over = sum(one.seconds > LIMIT for one in own)
        worst = f"{slowest.model} {slowest.seconds:.1f} s"
        print(f"| {command} | {len(own)} | {middle:.2f} s | {middle / sympy:.1f} | {over} | {worst} |")


def main() -> None:
    """Ask all commands about all models, or those named."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("model", nargs="*", default=sorted(models.catalogue()))
    options.add_argument("--rule", choices=sorted(rules.catalogue()), metavar="NAME")
    options.add_argument("-o", "--out", type=Path, metavar="FOLDER")
    given = options.parse_args()
    print("| model | command | processor time | |\n|---|---|---|---|")
    found = []
    for model in given.model:
        for command in COMMANDS:
            found.append(answer(command, model, given.rule))
            told(found[-1])
            if given.out:
                given.out.mkdir(parents=True, exist_ok=True)
                (given.out / f"{model}.{command}.txt").write_text(found[-1].out + found[-1].err)
    summary(found)


if __name__ == "__main__":
    main()

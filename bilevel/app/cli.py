"""The command line: `bilevel COMMAND ...`.

Main definitions: `main`.

Nothing heavy is imported here, so `bilevel --help` is immediate; each command's module is loaded when it is run.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import re
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from bilevel import __version__
from bilevel.app import budget
from bilevel.language.errors import BilevelError, ReadError, UnknownAnswer
from bilevel.language.names import nearest

SECONDS, GIBIBYTES = 60.0, 4.0

_EPILOG = """exit status: 0 answered; 1 answered "no" (correspond, check, stability --expect);
2 bad input (file:line:column: what was meant, what to try); 3 unknown or out of budget"""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """One line, as for every other bad input, with the nearest choice where there is one."""
        if came := re.search(r"'(.*)' \(choose from (.*)\)", message):
            near = nearest(came.group(1), re.findall(r"[\w-]+", came.group(2)))
            message = f"{message[: came.end(1) + 1]}; did you mean {near}?" if near else message
        print(f"{self.prog}: {message}; see {self.prog} --help", file=sys.stderr)
        raise SystemExit(2)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status; without `argv`, the process's own arguments, guarded by budgets.

    Math: 0 answered, 1 answered "no", 2 bad input, 3 unknown or out of budget.

    Reference: POSIX.1-2017, Utility Conventions.

    Examples:
        >>> main(["list", "--nonsense"])
        2
    """
    try:
        options = _parser().parse_args(argv)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 2
    seconds = options.budget if getattr(options, "budget", 0) > 0 else None
    if argv is not None or seconds is None:
        return _run(options, seconds)
    memory = options.memory if options.memory > 0 else None
    return budget.guarded(lambda: _run(options, seconds), seconds, memory, lambda why: _late(options, why))


def _run(options: Any, seconds: float | None) -> int:
    status = 3
    try:
        with budget.limited(seconds) as options.clock:
            handler = importlib.import_module(f"bilevel.app.commands.{options.command}")
            status = int(handler.run(options))
        sys.stdout.flush()
    except BrokenPipeError:  # the reader of our output has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except KeyboardInterrupt:
        _say("interrupted")
    except budget.OutOfTime:
        status = _late(options, f"out of time after {seconds:g} s")
    except MemoryError:
        status = _late(options, "out of memory")
    except UnknownAnswer as problem:
        _say(f"{_subject(options)}unknown: {problem}")
    except BilevelError as problem:
        located = isinstance(problem, ReadError) and problem.file
        _say(str(problem) if located else f"{_subject(options)}{problem}")
        status = 2
    except OSError as problem:
        _say(f"{problem.filename or 'bilevel'}: {(problem.strerror or str(problem)).lower()}; choose another file")
        status = 2
    except RecursionError:
        status = _late(options, "an expression is nested too deeply")
    except Exception as problem:  # a defect of ours, said without a traceback; BILEVEL_DEBUG=1 shows it
        if os.environ.get("BILEVEL_DEBUG"):
            raise
        status = _late(options, f"a defect of bilevel ({type(problem).__name__}: {problem})"[:300])
    return status


def _late(options: Any, why: str) -> int:
    """Say that there is no answer; with --json the object is printed all the same."""
    if getattr(options, "json", False):
        print(
            json.dumps(
                {"equilibria": [], "complete": False, "reason": why}
                if options.command in ("stability", "equilibria")
                else {"answer": None, "reason": why}
            )
        )
        sys.stdout.flush()
    _say(f"{_subject(options)}unknown: {why}; try: fix parameters with --set, or raise --budget or --memory")
    return 3


def _subject(options: Any) -> str:
    file = getattr(options, "file", None)
    file = file[0] if isinstance(file, list) else file
    return f"{file}: " if file else "bilevel: "


def _say(message: str) -> None:
    print(" ".join(message.split()), file=sys.stderr)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="bilevel",
        description="Games of several learners: update equations, fixed points, exact stability, proofs.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"bilevel {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=_Parser)

    def command(name: str, text: str, *, analysis: bool = True) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=text, description=text)
        made.add_argument("--json", action="store_true", help="print one JSON object")
        if analysis:
            made.add_argument(
                "--set", action="append", default=[], metavar="NAME=VALUE", help="fix a parameter (repeatable)"
            )
        made.add_argument(
            "--budget", type=_number, default=SECONDS, metavar="SECONDS", help="time limit, 0 for none (default 60)"
        )
        made.add_argument(
            "--memory", type=_number, default=GIBIBYTES, metavar="GIB", help="memory limit, 0 for none (default 4)"
        )
        return made

    command("list", "models, rules, strategies and theorems there are", analysis=False)
    _analyses(command)
    _sweep(command("sweep", "verdicts over a grid of parameters, as data and picture"))
    _relations(command)
    made = command("check", "check a certificate again, or advise on a problem file")
    made.add_argument("file", metavar="FILE-or-CERTIFICATE")
    _jobs(commands)
    return parser


def _jobs(commands: Any) -> None:
    made = commands.add_parser(
        "run", help="the main job: the correspondence of GANs and actor-critic methods, as a report"
    )
    made.add_argument("--json", action="store_true", help="print the report's data as JSON")
    made.add_argument("--quiet", action="store_true", help="do not tell how far it is")
    made.add_argument("-o", "--out", default="out", metavar="OUT", help="folder for the report (default: out)")
    text = "the paper's table of stabilising strategies, every cell derived"
    made = commands.add_parser("table1", help=text, description=text)
    for form in ("html", "markdown", "latex", "json"):
        made.add_argument(f"--{form}", action="store_true", help=f"write {form} (default: all four)")
    made.add_argument("-o", "--out", default="table1", metavar="OUT", help="folder to write to (default: table1)")
    made.add_argument("--strategy", action="append", default=[], metavar="NAME", help="this row only (repeatable)")
    made.add_argument("--jobs", type=int, default=2, metavar="N", help="processes that work on cells (default 2)")
    made.add_argument(
        "--cell-budget", type=_number, default=300.0, metavar="SECONDS", help="time for one cell (default 300)"
    )
    made.add_argument("--quiet", action="store_true", help="do not tell how far it is")


def _relations(command: Any) -> None:
    made = command("correspond", "which relations hold between two games, with proof or counterexample")
    made.add_argument("file", nargs=2, metavar="FILE", help="problem file, or name of a catalogue model")
    made.add_argument("--claim", metavar="R", help="decide this relation only")
    made.add_argument("--map", metavar='"X=EXPR, ..."', help="variables of the first game in those of the second")
    made.add_argument("--map-flow", action="store_true", help="compare trajectories instead of losses")
    made = command("correspondences", "formulations proved to be the same problem, with proofs", analysis=False)
    made.add_argument("name", nargs="?", metavar="NAME", help="number or name of one of them: its proof step by step")
    made = command("prove", "theorems proved anew: the paper's, and those on other methods", analysis=False)
    made.add_argument("name", nargs="*", metavar="NAME", help="numbers or names: step by step (default: all)")


def _sweep(made: argparse.ArgumentParser) -> None:
    made.add_argument("file", metavar="FILE", help="problem file (TOML), or name of a catalogue model")
    made.add_argument("--rule", metavar="NAME", help="use this rule in place of the file's own")
    made.add_argument(
        "--over", action="append", required=True, metavar="NAME=START:STOP:COUNT", help="vary a parameter (repeatable)"
    )
    made.add_argument("-o", "--out", default="sweep", metavar="OUT", help="OUT.npz, OUT.nc, OUT.png (default: sweep)")
    made.add_argument("--spectral-radius", action="store_true", help="eigenvalues too, in floats")
    zarr = "OUT.zarr in place of OUT.nc, written piece by piece: for grids larger than memory"
    made.add_argument("--zarr", action="store_true", help=f"{zarr}; interrupted, the same command goes on")
    made.add_argument("--threads", type=int, default=1, metavar="N", help="work on N chunks at a time (default: 1)")
    made.add_argument("--checkpoint", metavar="FOLDER", help="keep finished chunks, and go on from those kept there")


def _analyses(command: Any) -> None:
    texts = {
        "derive": "update equation of every player",
        "equilibria": "fixed points and their kinds",
        "stability": "Jacobian, characteristic polynomial, verdict, condition, certificate",
    }
    for name, text in texts.items():
        made = command(name, text)
        made.add_argument("file", metavar="FILE", help="problem file (TOML), or name of a catalogue model")
        made.add_argument("--rule", metavar="NAME,...", help="use these rules in place of the file's own")
        if name in ("derive", "stability"):
            form = made.add_mutually_exclusive_group()
            form.add_argument("--latex", action="store_true", help="print LaTeX")
            form.add_argument("--python", action="store_true", help="print Python source")
            made.add_argument(
                "--diagram", metavar="OUT", help="draw who sees what, and whose gradient goes where: .svg, .dot or .mmd"
            )
        if name == "stability":
            made.add_argument(
                "--solve", action="append", default=[], metavar="NAME,...", help="solve the condition for a parameter"
            )
            made.add_argument(
                "--expect",
                choices=["stable", "unstable", "marginal", "conditional"],
                help="exit 1 unless this is the verdict",
            )


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < 1e9:
        raise argparse.ArgumentTypeError(f"{text[:40]!r} is no amount; give a number such as 10")
    return value

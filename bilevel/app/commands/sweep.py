"""`bilevel sweep`: verdicts over a grid of parameters, as data and as a picture.

Main definitions: `run`, `ranges`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from typing import Any

import numpy as np
import sympy as sp

from bilevel.analysis.analyse import analyse
from bilevel.analysis.local import default_rule
from bilevel.app import budget
from bilevel.app.answers import heading_object, point_object
from bilevel.app.inputs import numbers_named, rules_named
from bilevel.app.layout import dumps
from bilevel.app.points import points_of
from bilevel.app.problem import Problem
from bilevel.app.source import advice, shown
from bilevel.app.sweep_files import written
from bilevel.language.errors import BilevelError, GameError, ReadError, UnknownAnswer
from bilevel.language.reader import read_value
from bilevel.numeric.lowering import lower
from bilevel.numeric.progress import progress_bar
from bilevel.numeric.sweep import sweep
from bilevel.numeric.sweep_table import MEANINGS
from bilevel.rules.protocol.linear import linearise

DRAWN = 300  # values of an axis that a picture shows
MEASURES = {"discrete": "spectral radius per step", "continuous": "spectral abscissa per unit time"}


def run(options: Any) -> int:
    """Write the data and the picture, and say what they show."""
    problem = numbers_named(options.file, options.set)
    rules = rules_named(problem, options.rule)
    if len(rules) != 1:
        raise ReadError("a sweep is of one rule; name one", file="--rule")
    rule = rules[0] or default_rule(problem.game)
    over = ranges(options.over, problem, rule)
    point = _point(problem, rules[0], options.clock)
    kept = _Kept(options)
    with kept, options.clock.section():
        found = _swept(problem, rule, point, over, options, kept)
    linear = linearise(problem.game, rule, point)
    curve = _boundary(linear, problem.game.assuming, options.clock)
    budget.stop()
    picture = _picture(found, linear.matrix, curve, problem.title)
    files = written(found, options.out, picture, zarr=options.zarr)
    answer = _answer(found, problem, rule, point, files)
    print(dumps(answer) if options.json else _text(answer))
    return 3 if answer["counts"]["undecided"] == answer["points"] else 0


def ranges(given: Iterable[str], problem: Problem, rule: Any) -> dict[Any, tuple[Any, Any, int]]:
    """The axes of repeated --over NAME=START:STOP:COUNT, exact."""
    free = {s.name: s for s in (*problem.parameters.values(), *rule.symbols) if s.name not in problem.values}
    found: dict[Any, tuple[Any, Any, int]] = {}
    for text in given:
        name, equals, span = text.partition("=")
        name, parts = name.strip(), [part.strip() for part in span.split(":")]
        if not equals or len(parts) != 3 or not all(parts):
            raise ReadError(
                f"{shown(text)!r} is no range; write --over NAME=START:STOP:COUNT, for example --over h=0:2:400",
                file="--over",
            )
        if name not in free:
            fixed = f"{name} has a value already; leave its value out to vary it"
            unknown = f"there is no parameter {shown(name)!r} to vary; {advice(name, free)}"
            raise ReadError(fixed if name in problem.values else unknown, file="--over")
        if free[name] in found:
            raise ReadError(f"{name} is varied twice; keep one range", file="--over")
        if not parts[2].isascii() or not parts[2].isdigit() or len(parts[2]) > 9:
            raise ReadError(f"{shown(parts[2])!r} is no number of values; write for example 400", file=f"--over {name}")
        start, stop = (_number(name, part) for part in parts[:2])
        found[free[name]] = (start, stop, int(parts[2]))
    return found


def _number(name: str, text: str) -> Any:
    try:
        value = read_value(text)
    except ReadError as problem:
        raise ReadError(problem.message, line=problem.line, column=problem.column, file=f"--over {name}") from None
    if not getattr(value, "is_Rational", False):
        raise ReadError(f"{shown(text)!r} is no fraction or decimal; write for example 1/2", file=f"--over {name}")
    return value


def _point(problem: Problem, rule: Any, clock: budget.Clock) -> Mapping[Any, Any]:
    if problem.complete_at:
        return problem.at
    points = points_of(problem, rule, clock.part(0.5)).points
    if len(points) != 1:
        listed = "; ".join(str(dict(p.point)) for p in points[:4]) or "none"
        raise GameError(f"a sweep is of one fixed point, and {len(points)} were found ({listed}); give it under [at]")
    return points[0].point


class _Kept:
    """What an interruption leaves behind, and a bar on a terminal that says how far it is."""

    def __init__(self, options: Any) -> None:
        self.place = f"{options.out}.zarr" if options.zarr else options.checkpoint
        self.done, self.of, self.bar = 0, 0, progress_bar(sys.stderr)

    def told(self, done: int, of: int) -> None:
        self.done, self.of = done, of
        if self.bar:
            self.bar(done, of)

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, stop: Any, trace: Any) -> None:
        if self.bar and kind:
            sys.stderr.write("\r\033[K")
        if self.place and self.of and isinstance(stop, KeyboardInterrupt | budget.OutOfTime):
            why = "interrupted" if isinstance(stop, KeyboardInterrupt) else "out of time"
            raise UnknownAnswer(
                f"{why}; {self.done} of {self.of} chunks are kept in {self.place}",
                next_step="give the same command again: it goes on from there",
            ) from None


def _swept(problem: Problem, rule: Any, point: Mapping[Any, Any], over: Any, options: Any, kept: _Kept) -> Any:
    try:
        with ThreadPoolExecutor(options.threads) if options.threads > 1 else nullcontext() as pool:
            return sweep(
                problem.game,
                rule,
                point,
                over=over,
                spectral_radius=options.spectral_radius,
                executor=pool,
                checkpoint=options.checkpoint,
                store=f"{options.out}.zarr" if options.zarr else None,
                progress=kept.told,
            )
    except GameError as stop:
        if "fixed point" in str(stop) and problem.complete_at:
            raise problem.located(str(stop), "at") from None
        raise


def _boundary(linear: Any, assuming: Any, clock: budget.Clock) -> Any:
    """An expression that is positive inside the exact stable set and zero on its edge, None where none is short."""
    try:
        with clock.section(1 / 2):
            verdict = analyse(linear.matrix, time=linear.time, assuming=assuming)
    except (BilevelError, budget.OutOfTime):
        return None
    sets = ((verdict.condition, sp.And), (verdict.unstable_on, sp.Or))  # nowhere stable: the edge of the unstable set
    for found, joint in sets:
        parts = found.args if isinstance(found, joint) else (found,)
        if parts and all(isinstance(part, sp.StrictLessThan | sp.StrictGreaterThan) for part in parts):
            return (sp.Min if joint is sp.And else sp.Max)(*(part.gts - part.lts for part in parts))
    return None


def _picture(found: Any, matrix: Any, curve: Any, title: str) -> Any:
    """A map for two axes, a line for one, nothing for more."""
    thin = found.isel(
        {name: np.linspace(0, n - 1, min(n, DRAWN)).round().astype(int) for name, n in found.sizes.items()}
    )
    if sum(size > 1 for size in thin.sizes.values()) not in (1, 2):
        return None
    rate, border, measure = _rate(thin, matrix)
    rate = rate.squeeze()
    if len(rate.dims) == 2:
        return _map(rate, border, measure, curve, title)
    return _line(rate, thin.verdict.squeeze().values, border, measure, title)


def _rate(found: Any, matrix: Any) -> tuple[Any, float, str]:
    """The leading eigenvalue's size in floats, for the eye, kept on the side of the border that the verdict says."""
    discrete = found.attrs["time"] == "discrete"
    symbols = {s.name: s for s in matrix.free_symbols}
    grid = np.meshgrid(*(found[name].values for name in found.dims), indexing="ij")
    inputs = [symbols.get(name, sp.Symbol(name)) for name in found.dims]
    stack = lower(matrix, inputs)(*(part.ravel() for part in grid))
    stack = np.broadcast_to(stack, (found.verdict.size, *matrix.shape))
    finite = np.isfinite(stack).all(axis=(1, 2))
    roots = np.linalg.eigvals(np.where(finite[:, None, None], stack, 0.0))
    size = (np.abs(roots) if discrete else roots.real).max(axis=1).reshape(found.verdict.shape)
    border, codes = (1.0 if discrete else 0.0), found.verdict.values
    size = np.select(
        [codes == 0, codes == 1, codes == 2], [np.minimum(size, border), np.maximum(size, border), border], np.nan
    )
    return found.verdict.copy(data=size), border, MEASURES[found.attrs["time"]]


def _map(rate: Any, border: float, measure: str, curve: Any, title: str) -> Any:
    from bilevel.show.plots import stability_map

    names = tuple(rate.dims)
    symbols = {s.name: s for s in curve.free_symbols} if curve is not None else {}
    axes = tuple(symbols.get(name, sp.Symbol(name)) for name in names)
    return stability_map(
        rate.transpose(names[1], names[0]).values,
        rate[names[0]].values,
        rate[names[1]].values,
        names=(axes[0], axes[1]),
        border=border,
        boundary=curve if set(symbols) <= set(names) else None,
        measure=measure,
        title=title,
    )


def _line(rate: Any, codes: Any, border: float, measure: str, title: str) -> Any:
    from bilevel.show import plot_parts as parts

    (name,) = rate.dims
    figure, axes = parts.new_axes(5.6, 3.8, title)
    values = rate[name].values
    axes.plot(values, rate.values, color=parts.INK, linewidth=0.8)
    axes.axhline(border, color=parts.INK, linewidth=0.6, linestyle="--")
    for code, meaning in enumerate(MEANINGS[:3]):
        if (codes == code).any():
            chosen = np.where(codes == code, rate.values, np.nan)
            style = {"color": parts.COLOURS[code], "marker": "os^"[code], "markersize": 3}
            axes.plot(values, chosen, linewidth=2.0, label=meaning, **style)
    parts.label(axes, parts.axis(sp.Symbol(name), ""), measure)
    parts.legend(axes)
    return figure


def _answer(found: Any, problem: Problem, rule: Any, point: Any, files: list[str]) -> dict[str, Any]:
    about = heading_object(problem, rule)
    return {
        "title": about["title"],
        "rule": about["rule"],
        "time": about["time"],
        "point": point_object(point),
        "over": {
            name: {"from": found[name].attrs["exact_first"], "to": found[name].attrs["exact_last"], "count": size}
            for name, size in found.sizes.items()
        },
        "points": int(found.attrs["points"]),
        "counts": {meaning: int(found.attrs[meaning]) for meaning in MEANINGS},
        "redecided": int(found.attrs["redecided"]),
        "outside": int(found.attrs["outside"]),
        "files": files,
    }


def _text(answer: Mapping[str, Any]) -> str:
    spans = ", ".join(f"{name} from {a['from']} to {a['to']} ({a['count']})" for name, a in answer["over"].items())
    shares = [f"  {meaning:<10} {count:>12}" for meaning, count in answer["counts"].items() if count]
    lines = [answer["title"] or "sweep", f"{answer['points']} points: {spans}", *shares]
    lines.append(f"  decided exactly, rounding being too coarse: {answer['redecided']}")
    if answer["outside"]:
        lines.append(f"  outside the assumptions: {answer['outside']}")
    return "\n".join([*lines, *(f"wrote {name}" for name in answer["files"])])

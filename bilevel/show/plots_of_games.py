"""Pictures straight from a game and its rules: trajectories, basins, rates, maps of a sweep.

Main definitions: `game_portrait`, `basin_map`, `rate_curve`, `sweep_map`.
Notation: every function returns a `Picture`: a matplotlib figure whose `data` holds the numbers. What is exact (the
boundary, the threshold, the best step) is drawn from expressions; colours and curves are floats, for the eye.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import sympy as sp

from bilevel.analysis.local import stability
from bilevel.analysis.rates import best
from bilevel.analysis.stability_plane import PlaneDiagram
from bilevel.language.errors import BilevelError, GameError
from bilevel.rules.protocol.defaults import default_rule
from bilevel.rules.protocol.linear import linearise
from bilevel.show import plot_parts as parts
from bilevel.show.boundary_lines import draw_diagram
from bilevel.show.evaluate import on_arrays
from bilevel.show.plots import phase_portrait
from bilevel.system import flow_of, map_of

MEASURES = {"discrete": "spectral radius per step", "continuous": "spectral abscissa per unit time"}
FACES = ("#cfe3f2", "#e89a5b", "#010203", "#bbbbbb")  # stable, unstable, marginal, undecided: apart in grey as well


def game_portrait(
    game: Any,
    rules: Mapping[str, Any],
    start: Mapping[Any, float],
    *,
    steps: int = 100,
    values: Mapping[Any, Any] | None = None,
    equilibria: Sequence[Mapping[Any, Any]] = (),
    time_step: float = 0.01,
    title: str = "",
) -> Any:
    """The field of a game of two variables, and where several rules go from one start.

    Math:       grey: dz/dt = -F(z); paths: z_{t+1} = T(z_t) for each rule, flows by Runge-Kutta steps of `time_step`
    Shapes:     `rules` {label: rule}; `start` a number for both variables; `equilibria` are marked with a cross
    Raises:     GameError unless the game has two variables, all with numbers
    Reference:  Mescheder, Geiger, Nowozin (2018), arXiv:1801.04406, Figure 1
    Examples:
        >>> from bilevel.models import bilinear_game
        >>> from bilevel.rules import alternating, simultaneous
        >>> rules = {"simultaneous": simultaneous("1/4"), "alternating": alternating("1/4")}
        >>> picture = game_portrait(bilinear_game(1), rules, {"x": 1, "y": 0}, steps=8)
        >>> picture.data["path alternating"].shape
        (9, 2)
    """
    from bilevel.numeric import simulate

    if len(game.variables) != 2:
        raise GameError(f"a portrait shows two variables; this game moves {', '.join(map(str, game.variables))}")
    put = {str(key): value for key, value in (values or {}).items()}
    paths = {}
    for label, rule in rules.items():
        found = simulate(game, rule, start, steps, put, time_step=time_step if rule.time == "continuous" else None)
        path = np.stack([found[str(v)] for v in game.variables], axis=1)
        paths[label] = path[np.isfinite(path).all(axis=1)]
    field = [-expr.subs({s: put[str(s)] for s in game.parameters if str(s) in put}) for expr in game.field().values()]
    first, second = game.variables
    marks = [(float(point[first]), float(point[second])) for point in equilibria]
    return phase_portrait(field, game.variables, paths, equilibria=marks, title=title)


def basin_map(found: Any, *, units: tuple[str, str] = ("", ""), title: str = "") -> Any:
    """Which fixed point each start reaches, as `bilevel.numeric.basins` found it.

    Math:       one colour and one mark for each fixed point; white: none was reached
    Shapes:     `found` has two axes of starts
    Raises:     GameError for another number of axes
    Reference:  Nusse and Yorke (1997), Dynamics: Numerical Explorations, chapter 7
    Examples:
        >>> from bilevel.game import Game, minimize
        >>> from bilevel.numeric import basins
        >>> from bilevel.rules import simultaneous
        >>> x, y = sp.symbols("x y", real=True)
        >>> game = Game(a=minimize(x**4/4 - x**2/2, x), b=minimize(y**2, y))
        >>> wells = [{x: -1, y: 0}, {x: 1, y: 0}]
        >>> found = basins(game, simultaneous("1/10"), wells, over={x: (-2, 2, 9), y: (-1, 1, 5)}, steps=200)
        >>> basin_map(found).data is found
        True
    """
    from matplotlib import colormaps
    from matplotlib.colors import ListedColormap, to_hex

    names = found.basin.dims
    if len(names) != 2:
        raise GameError(f"a basin map has two axes; these starts vary over {', '.join(names) or 'none'}")
    figure, axes = parts.new_axes(5.2, 4.4, title)
    count = len(found.fixed_point)
    # cividis runs from dark to light and is one ramp for every eye, so that grey keeps the basins apart.
    shades = [to_hex(colormaps["cividis"](k)) for k in np.linspace(0.15, 0.95, count)]
    ramp = ["#ffffff", *shades]
    axes.pcolormesh(found[names[0]], found[names[1]], found.basin.values.T, cmap=ListedColormap(ramp), vmin=-1.5,
                    vmax=count - 0.5, rasterized=True, shading="nearest")  # fmt: skip
    for k in range(count):
        place = [float(found.fixed_point.sel(variable=name)[k]) for name in names]
        where = ", ".join(f"{value:.3g}" for value in place)
        edge = parts.INK if 2 * k >= count else "#ffffff"
        axes.plot(*place, marker="os^DvP"[k % 6], color=ramp[k + 1], markersize=8, markeredgecolor=edge, ls="none",
                  label=f"reaches ({where})", clip_on=False, zorder=3)  # fmt: skip
    if (found.basin.values < 0).any():
        axes.plot([], [], marker="s", color="#ffffff", markeredgecolor=parts.INK, ls="none", label="reaches none")
    for pick, name in ((axes.set_xlim, names[0]), (axes.set_ylim, names[1])):
        pick(float(found[name][0]), float(found[name][-1]))
    parts.label(axes, parts.axis(names[0], units[0]), parts.axis(names[1], units[1]))
    parts.legend(axes)
    figure.data = found
    return figure


def rate_curve(
    game: Any,
    rules: Mapping[str, Any],
    at: Mapping[Any, Any],
    *,
    over: Any,
    values: Mapping[Any, Any] | None = None,
    span: tuple[float, float] | None = None,
    unit: str = "",
    title: str = "",
) -> Any:
    """The rate of one or several rules against one parameter, with each exact threshold and the best value marked.

    Math:       rho(J(h)) per step, or max Re lambda per unit time; circle: the best value where `bilevel.best` proves
                one; vertical tick: the ends of the exact stable set
    Shapes:     `rules` {label: rule}, all maps or all flows; `span` (first, last), else up to past the last threshold
    Raises:     GameError for a parameter the Jacobian lacks, other parameters left free, or rules of both times
    Reference:  Azizian et al. (2020), arXiv:2001.00602, Figure 1
    Examples:
        >>> from bilevel.models import bilinear_game
        >>> from bilevel.rules import extragradient
        >>> h = sp.Symbol("h", positive=True)
        >>> picture = rate_curve(bilinear_game(1), {"extragradient": extragradient(h)}, {"x": 0, "y": 0}, over=h)
        >>> float(picture.data["best of extragradient"].round(4))
        0.7071
    """
    times = {rule.time for rule in rules.values()}
    if len(times) != 1:
        raise GameError("rates of maps (per step) and flows (per unit time) do not share an axis; draw two pictures")
    (time,) = times
    at = {v: at.get(v, at.get(str(v))) for v in game.variables}
    read = {label: _Rate(game, rule, at, over, values or {}) for label, rule in rules.items()}
    ends = [end for rate in read.values() for end in rate.ends] + [r.best[0] for r in read.values() if r.best]
    low, high = span or (0.0, 1.25 * max(ends, default=1.0))
    grid, border = np.linspace(low, high, 601), 1.0 if time == "discrete" else 0.0
    figure, axes = parts.new_axes(5.2, 3.8, title)
    axes.axhline(border, color=parts.INK, linewidth=0.8)
    for index, (label, rate) in enumerate(read.items()):
        colour, size = parts.COLOURS[index % len(parts.COLOURS)], rate.size(grid)
        dash = parts.DASHES[index % len(parts.DASHES)]
        axes.plot(grid, size, color=colour, linestyle=dash, linewidth=1.7, label=parts.plain(label))
        axes.plot(rate.ends, [border] * len(rate.ends), "|", color=colour, markersize=14, markeredgewidth=2)
        if rate.best:
            axes.plot(*rate.best, "o", color=colour, markerfacecolor=parts.PAPER, markersize=6)
    axes.plot([], [], "|", color=parts.INK, markersize=10, markeredgewidth=2, label="exact threshold")
    if any(rate.best for rate in read.values()):
        axes.plot([], [], "o", color=parts.INK, markerfacecolor=parts.PAPER, markersize=6, label="best value")
    shown = np.concatenate([rate.size(grid) for rate in read.values()])
    low_end, high_end = np.nanmin(shown), min(np.nanmax(shown), border + 1.0)
    axes.set(xlim=(low, high), ylim=(low_end - 0.06 * (high_end - low_end + 1e-9), high_end))
    parts.label(axes, parts.axis(over, unit), MEASURES[time])
    parts.legend(axes)
    arrays = {name: array for label, rate in read.items() for name, array in rate.arrays(label, grid).items()}
    figure.data = parts.dataset({str(over): (grid, unit)}, arrays)
    return figure


class _Rate:
    """One rule's Jacobian in one parameter: its curve, exact thresholds and best value as floats."""

    def __init__(self, game: Any, rule: Any, at: Mapping[Any, Any], over: Any, values: Mapping[Any, Any]) -> None:
        put = {str(key): sp.nsimplify(value) if isinstance(value, float) else value for key, value in values.items()}
        self.over, linear = over, linearise(game, rule, at)
        self.matrix = linear.matrix.subs({s: put[str(s)] for s in linear.matrix.free_symbols if str(s) in put})
        self.time = linear.time
        if over not in self.matrix.free_symbols:
            raise GameError(f"the Jacobian of {rule} does not depend on {over}")
        if left := self.matrix.free_symbols - {over}:
            named = ", ".join(sorted(map(str, left)))
            raise GameError(f"a rate curve needs a number for {named}; pass values={{'{min(map(str, left))}': ...}}")
        verdict = stability(game, rule, at=at)
        self.ends = _ends(verdict, over, put)
        self.best = self._best()

    def size(self, grid: Any) -> Any:
        """The leading eigenvalue's modulus, or real part, in floats."""
        stack = np.stack([on_arrays(entry, (self.over,))(grid) for entry in self.matrix], axis=-1)
        roots = np.linalg.eigvals(stack.reshape(len(grid), *self.matrix.shape))
        return (np.abs(roots) if self.time == "discrete" else roots.real).max(axis=1)

    def arrays(self, label: str, grid: Any) -> dict[str, tuple[tuple[str, ...], Any]]:
        """What is drawn, by name."""
        ends = ((f"threshold of {label}",), np.array(self.ends, dtype=float))
        curve = ((str(self.over),), self.size(grid))
        drawn: dict[str, Any] = {f"rate of {label}": curve, f"thresholds of {label}": ends}
        return drawn | ({f"best of {label}": ((), self.best[0])} if self.best else {})

    def _best(self) -> tuple[float, float] | None:
        """Of the linear system with this matrix, where every other parameter is a number."""
        z = sp.Matrix(sp.symbols(f"z0:{self.matrix.rows}", real=True))
        system = (map_of if self.time == "discrete" else flow_of)(dict(zip(z, self.matrix * z, strict=True)))
        try:
            found = best(system, default_rule(system), dict.fromkeys(z, 0), over=self.over)
        except BilevelError:
            return None
        # An enclosed value is a pair of ends, as close as a picture can show.
        step, rate = (part if isinstance(part, tuple) else (part,) for part in (found.step, found.rate))
        return float(sum(step) / len(step)), float(sum(rate) / len(rate))


def _ends(verdict: Any, over: Any, put: Mapping[str, Any]) -> list[float]:
    """The finite ends of the stable set in the parameter, zero left out."""
    condition = sp.sympify(verdict.condition if verdict.condition is not None else sp.false, strict=True)
    condition = condition.subs({s: put[str(s)] for s in condition.free_symbols if str(s) in put})
    if condition in (sp.true, sp.false) or condition.free_symbols != {over}:
        return []
    boundary = condition.as_set().boundary
    if not boundary.is_FiniteSet:
        return []
    return sorted(float(e) for e in boundary if e.is_finite and e != 0 and not (over.is_positive and e < 0))


def sweep_map(found: Any, *, boundary: Any = None, boundary_label: str = "exact boundary", title: str = "") -> Any:
    """The verdicts of a sweep over two parameters, with an exact boundary drawn over them.

    Math:       every grid point in the colour of its verdict; `boundary` is a verdict (its condition's edge), a
                condition, an expression that vanishes on the curve, or a `bilevel.analysis.stability_diagram`: then
                fold, flip, Hopf or Neimark-Sacker pieces are told apart, and points of codimension two are marked
    Shapes:     `found` as `bilevel.numeric.sweep` returns it, with two axes of more than one value
    Raises:     GameError for another number of axes
    Reference:  Mescheder, Geiger, Nowozin (2018), arXiv:1801.04406, section 3
    Examples:
        >>> from bilevel.models import dirac_gan
        >>> from bilevel.numeric import sweep
        >>> from bilevel.rules import alternating
        >>> h = sp.Symbol("h", positive=True)
        >>> game = dirac_gan(penalty="R1")
        >>> found = sweep(game, alternating(h), {v: 0 for v in game.variables}, over={h: (0, 4, 9), "gamma": (0, 3, 9)})
        >>> sweep_map(found).data is found
        True
    """
    from matplotlib.colors import ListedColormap
    from matplotlib.patches import Patch

    codes = found.verdict.squeeze()
    if codes.ndim != 2:
        raise GameError(f"a map has two axes; this sweep varies {', '.join(map(str, codes.dims)) or 'nothing'}")
    across, up = codes.dims
    figure, axes = parts.new_axes(5.2, 4.2, title)
    axes.pcolormesh(found[across], found[up], codes.values.T, cmap=ListedColormap(FACES), vmin=-0.5, vmax=3.5,
                    rasterized=True, shading="nearest")  # fmt: skip
    present = [code for code in range(4) if (codes.values == code).any()]
    meanings = found.verdict.attrs["flag_meanings"].split()
    handles: list[Any] = [Patch(facecolor=FACES[k], edgecolor=parts.INK, lw=0.5, label=meanings[k]) for k in present]
    if isinstance(boundary, PlaneDiagram):
        handles += draw_diagram(axes, boundary, str(across), str(up))
    elif (curve := _curve(boundary)) is not None:
        named = {str(s): s for s in curve.free_symbols}
        if set(named) - {across, up}:
            raise GameError(f"the boundary needs a number for {', '.join(sorted(set(named) - {across, up}))}")
        ordered = [named.get(name, sp.Symbol(name)) for name in (across, up)]
        fine = np.meshgrid(*(np.linspace(found[n].values.min(), found[n].values.max(), 400) for n in (across, up)))
        axes.contour(*fine, on_arrays(curve, ordered)(*fine), levels=[0.0], colors=[parts.INK], linewidths=1.8)
        handles.append(axes.plot([], [], color=parts.INK, linewidth=1.8, label=parts.plain(boundary_label))[0])
    units = [found[name].attrs.get("units", "1") for name in (across, up)]
    parts.label(axes, *(parts.axis(n, "" if u == "1" else u) for n, u in zip((across, up), units, strict=True)))
    figure.legend(
        handles=handles,
        loc="outside lower center",
        ncols=3 if len(handles) < 7 else 2,
        fontsize=9,
        labelcolor=parts.INK,
        frameon=False,
    )
    figure.data = found
    return figure


def _curve(boundary: Any) -> Any:
    condition = getattr(boundary, "condition", boundary)
    if condition is None or condition in (sp.true, sp.false):
        return None
    condition = sp.sympify(condition, strict=True)
    return condition if isinstance(condition, sp.Expr) else parts.edge_of(condition)


__all__ = ["basin_map", "game_portrait", "rate_curve", "sweep_map"]

"""Pictures: phase portraits, eigenvalues along a parameter, stability maps with their exact boundary.

Main definitions: `phase_portrait`, `eigenvalue_paths`, `stability_map`, `figure_svg`.
Notation: every function takes plain arrays, callables or SymPy expressions and returns a `Picture`, a matplotlib
figure with its numbers in `data`; nothing touches pyplot or its state. Floats here are for the eye: no verdict is read
off a picture.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import sympy as sp

from bilevel.language.errors import GameError
from bilevel.show import plot_parts as parts
from bilevel.show.evaluate import on_arrays
from bilevel.show.markup import Markup, escape


def phase_portrait(
    field: Any,
    variables: Sequence[Any],
    trajectories: Mapping[str, Any],
    *,
    region: tuple[float, float, float, float] | None = None,
    equilibria: Sequence[tuple[float, float]] = (),
    unit: str = "",
    title: str = "",
) -> Any:
    """A plane of two variables: the direction of the flow in grey, and the paths that rules take through it.

    Math:       `field` is z -> dz/dt = -F(z), as two expressions in `variables` or a callable on two arrays
    Shapes:     each trajectory is an array (steps + 1, 2), one row an iterate; `region` is (left, right, bottom, top)
    Raises:     GameError unless there are two variables and each trajectory has two columns
    Reference:  Mescheder, Geiger, Nowozin (2018), arXiv:1801.04406, Figure 1
    Examples:
        >>> x, y = sp.symbols("x y")
        >>> figure = phase_portrait([-y, x], (x, y), {"flow": [[1, 0], [0, 1]]})
        >>> len(figure.axes)
        1
    """
    if len(variables) != 2:
        raise GameError(f"a phase portrait shows two variables; got {len(variables)}. Fix the others or choose two.")
    paths = {label: np.asarray(path, dtype=float) for label, path in trajectories.items()}
    for label, path in paths.items():
        if path.ndim != 2 or path.shape[1] != 2:
            raise GameError(
                f"the trajectory {label!r} needs one row per iterate and two columns; its shape is {path.shape}."
            )
    left, right, bottom, top = region or parts.around(
        [*paths.values(), np.asarray(equilibria, dtype=float).reshape(-1, 2)]
    )
    figure, axes = parts.new_axes(5.2, 4.6, title)
    x, y = np.meshgrid(np.linspace(left, right, 25), np.linspace(bottom, top, 25))
    u, v = field(x, y) if callable(field) else (on_arrays(part, variables)(x, y) for part in field)
    axes.streamplot(x[0], y[:, 0], u, v, color="#a0a0a0", linewidth=0.7, arrowsize=0.8, density=1.1)
    for index, (label, path) in enumerate(paths.items()):
        parts.path(axes, path, label, index)
    for place in equilibria:
        axes.plot(*place, marker="+", markersize=13, markeredgewidth=1.8, color=parts.INK, linestyle="none")
    axes.set(xlim=(left, right), ylim=(bottom, top))
    parts.label(axes, parts.axis(variables[0], unit), parts.axis(variables[1], unit))
    if paths:
        parts.legend(axes)
    figure.data = _portrayed(variables, unit, (x[0], y[:, 0]), (u, v), paths)
    return figure


def _portrayed(variables: Sequence[Any], unit: str, grid: Any, flow: Any, paths: Mapping[str, Any]) -> Any:
    first, second = map(str, variables)
    arrays = {f"flow {way}": ((second, first), np.array(part)) for way, part in zip(("across", "up"), flow)}
    arrays |= {f"path {label}": ((f"iterate of {label}", "of variable"), path) for label, path in paths.items()}
    return parts.dataset({first: (grid[0], unit), second: (grid[1], unit)}, arrays)


def eigenvalue_paths(
    paths: Mapping[str, Any], values: Any, *, parameter: Any, time: str = "discrete", title: str = ""
) -> Any:
    """Eigenvalues in the complex plane as one parameter moves, with the border of stability.

    Math:       discrete time: the unit circle (eigenvalues per step); continuous: the imaginary axis (per unit time)
    Shapes:     each path is an array (m, n), row k the n eigenvalues at values[k]; or a square SymPy matrix
    Raises:     GameError for an unknown `time` or a path that does not fit `values`
    Reference:  Mescheder, Nowozin, Geiger (2017), arXiv:1705.10461, Figure 2
    Examples:
        >>> h = sp.Symbol("h")
        >>> figure = eigenvalue_paths({"simultaneous": sp.Matrix([[1, -h], [h, 1]])}, [0, 1, 2], parameter=h)
        >>> len(figure.axes)
        1
    """
    if time not in ("discrete", "continuous"):
        raise GameError(f"time is 'discrete' or 'continuous'; got {time!r}.")
    values = np.asarray(values, dtype=float)
    branches = {label: parts.spectra(path, parameter, values) for label, path in paths.items()}
    figure, axes = parts.new_axes(5.2, 4.6, title)
    if time == "discrete":
        turn = np.linspace(0, 2 * np.pi, 361)
        axes.fill(np.cos(turn), np.sin(turn), color="#0072b2", alpha=0.08, linewidth=0)
        axes.plot(np.cos(turn), np.sin(turn), color=parts.INK, linewidth=0.9, label="|λ| = 1")
    else:
        axes.axvline(0, color=parts.INK, linewidth=0.9, label="Re λ = 0")
    for index, (label, roots) in enumerate(branches.items()):
        colour = parts.COLOURS[index % len(parts.COLOURS)]
        for column in range(roots.shape[1]):
            line = roots[:, column]
            axes.plot(
                line.real,
                line.imag,
                color=colour,
                linestyle=parts.DASHES[index % len(parts.DASHES)],
                linewidth=1.7,
                label=label if column == 0 else None,
            )
        # A hollow start and a solid end tell the direction.
        axes.plot(roots[0].real, roots[0].imag, "o", color=colour, markerfacecolor=parts.PAPER, markersize=5)
        axes.plot(roots[-1].real, roots[-1].imag, "o", color=colour, markersize=5)
    axes.axhline(0, color=parts.INK, linewidth=0.3)
    axes.set_aspect("equal", adjustable="datalim")
    reach = f"Re λ      {parts.axis(parameter, '')} from {values[0]:g} (hollow) to {values[-1]:g} (solid)"
    parts.label(axes, reach, "Im λ")
    parts.legend(axes)
    name = str(parameter)
    roots_of = {f"path {label}": ((name, f"branch of {label}"), roots) for label, roots in branches.items()}
    figure.data = parts.dataset({name: (values, "")}, roots_of)
    return figure


def stability_map(
    size: Any,
    x: Any,
    y: Any,
    *,
    names: tuple[Any, Any],
    border: float = 1.0,
    boundary: Any = None,
    boundary_label: str = "exact boundary",
    units: tuple[str, str] = ("", ""),
    measure: str = "spectral radius per step",
    title: str = "",
) -> Any:
    """Two parameters, the size of the leading eigenvalue in colour, and the exact boundary drawn over it.

    Math:       blue where size < border (stable), orange where size > border; `boundary` vanishes on the exact curve
    Shapes:     `size` is an array (len(y), len(x)) or a callable on two such arrays; `boundary` an expression in
                `names`, or a relation of the two sides
    Raises:     GameError if the array does not fit the axes
    Reference:  Mescheder, Geiger, Nowozin (2018), arXiv:1801.04406, section 3
    Examples:
        >>> h, g = sp.symbols("h gamma")
        >>> figure = stability_map(lambda a, b: a + b, [0, 1], [0, 1], names=(h, g), boundary=h + g - 1)
        >>> len(figure.axes)      # the map and its scale
        2
    """
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    grid = np.meshgrid(x, y)
    shown = np.asarray(size(*grid) if callable(size) else size, dtype=float)
    if shown.shape != (len(y), len(x)):
        raise GameError(
            f"the map needs {len(y)} rows and {len(x)} columns, one value per pair of parameters; got {shown.shape}."
        )
    figure, axes = parts.new_axes(5.6, 4.4, title)
    span = float(min(max(np.nanmax(np.abs(shown - border)), 1e-9), 1.0))
    levels = border + span * np.linspace(-1, 1, 21)
    drawn = axes.contourf(
        x, y, np.clip(shown, levels[0], levels[-1]), levels=levels, cmap=parts.colour_map(), antialiased=False
    )
    parts.scale(figure, drawn, measure)
    if boundary is not None:
        curve = on_arrays(
            boundary.lhs - boundary.rhs if isinstance(boundary, sp.core.relational.Relational) else boundary, names
        )
        fine = np.meshgrid(np.linspace(x[0], x[-1], 400), np.linspace(y[0], y[-1], 400))
        axes.contour(*fine, curve(*fine), levels=[0.0], colors=[parts.INK], linewidths=2.0)
        axes.plot([], [], color=parts.INK, linewidth=2.0, label=parts.plain(boundary_label))
        parts.legend(axes)
    axes.set(xlim=(x[0], x[-1]), ylim=(y[0], y[-1]))
    parts.label(axes, parts.axis(names[0], units[0]), parts.axis(names[1], units[1]))
    across, up = map(str, names)
    figure.data = parts.dataset({across: (x, units[0]), up: (y, units[1])}, {"leading size": ((up, across), shown)})
    return figure


def figure_svg(figure: Any, *, title: str, description: str = "") -> Markup:
    """The figure as one inline SVG element: the same bytes every time, no fonts or files from elsewhere.

    Math:       text becomes outlines; the ink takes the colour of the page's text, so dark pages stay readable
    Reference:  Hunter (2007), doi:10.1109/MCSE.2007.55
    Examples:
        >>> x, y = sp.symbols("x y")
        >>> svg = figure_svg(phase_portrait([-y, x], (x, y), {}), title="Circles")
        >>> svg.startswith("<svg"), "<title>Circles</title>" in svg
        (True, True)
    """
    import io

    import matplotlib

    buffer = io.StringIO()
    # The salt makes ids repeatable; taken from the title, they differ between the figures of one page.
    with matplotlib.rc_context(
        {"svg.hashsalt": f"bilevel {title}", "svg.fonttype": "path", "font.family": "DejaVu Sans"}
    ):
        figure.savefig(
            buffer,
            format="svg",
            transparent=True,
            metadata={"Date": None, "Creator": None, "Format": None, "Type": None},
        )
    drawn = buffer.getvalue()
    drawn = drawn[drawn.index("<svg") :].replace(parts.INK, "currentColor").replace(parts.PAPER, "var(--page,#fff)")
    for index, colour in enumerate(parts.COLOURS):
        drawn = drawn.replace(colour, f"var(--line-{index},{colour})")  # the page lightens them in the dark
    # Hundredths of a point are enough for any eye and halve the file.
    drawn = re.sub(r'(?<= d=")[^"]*', lambda m: re.sub(r"(\.\d\d)\d+", r"\1", m[0]), drawn)
    prefix = re.sub(r"\W", "", title)[:12] or "figure"
    drawn = _own_ids(drawn, prefix)
    words = f"<title>{escape(title)}</title>" + (f"<desc>{escape(description)}</desc>" if description else "")
    head, rest = drawn.split(">", 1)
    return Markup(f'{head} role="img" class="plot">{words}{rest}'.strip())


def _own_ids(drawn: str, prefix: str) -> str:
    """Every id of the drawing under its own prefix: several drawings share one page."""
    known = sorted(set(re.findall(r'\bid="([^"]+)"', drawn)), key=len, reverse=True)
    numbered = {name: f"{prefix}-{index}" for index, name in enumerate(known)}
    drawn = re.sub(r'\bid="([^"]+)"', lambda m: f'id="{numbered[m[1]]}"', drawn)
    drawn = re.sub(r'href="#([^"]+)"', lambda m: f'href="#{numbered.get(m[1], m[1])}"', drawn)
    return re.sub(r"url\(#([^)]+)\)", lambda m: f"url(#{numbered.get(m[1], m[1])})", drawn)


__all__ = ["eigenvalue_paths", "figure_svg", "phase_portrait", "stability_map"]

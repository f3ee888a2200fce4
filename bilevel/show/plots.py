"""Pictures: phase portraits, eigenvalues along a parameter, stability maps with their exact boundary.

Main definitions: `phase_portrait`, `eigenvalue_paths`, `stability_map`, `figure_svg`.
Notation: every function takes plain arrays, callables or SymPy expressions and returns a `matplotlib.figure.Figure`;
nothing touches pyplot or its state. Floats here are for the eye: no verdict is read off a picture.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import sympy as sp

from bilevel.language.errors import GameError
from bilevel.show.evaluate import on_arrays
from bilevel.show.markup import Markup, escape
from bilevel.show.names import name_mathtext

# Okabe and Ito (2008): eight colours apart for every eye; each line also has its own dash and marker.
COLOURS = ("#0072b2", "#d55e00", "#00865f", "#aa4499", "#e69f00", "#56b4e9", "#6b6b00", "#444444")
_DASHES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 1)), (0, (8, 2)), (0, (3, 2)))
_INK = "#010203"  # becomes currentColor, so that a figure follows the page into dark mode
_PAPER = "#fdfcfb"  # becomes the colour of the page


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
    left, right, bottom, top = region or _around([*paths.values(), np.asarray(equilibria, dtype=float).reshape(-1, 2)])
    figure, axes = _axes(5.2, 4.6, title)
    x, y = np.meshgrid(np.linspace(left, right, 25), np.linspace(bottom, top, 25))
    u, v = field(x, y) if callable(field) else (on_arrays(part, variables)(x, y) for part in field)
    axes.streamplot(x[0], y[:, 0], u, v, color="#a0a0a0", linewidth=0.7, arrowsize=0.8, density=1.1)
    for index, (label, path) in enumerate(paths.items()):
        _path(axes, path, label, index)
    for place in equilibria:
        axes.plot(*place, marker="+", markersize=13, markeredgewidth=1.8, color=_INK, linestyle="none")
    axes.set(xlim=(left, right), ylim=(bottom, top))
    _label(axes, _axis(variables[0], unit), _axis(variables[1], unit))
    if paths:
        _legend(axes)
    return figure


def eigenvalue_paths(
    paths: Mapping[str, Any], values: Any, *, parameter: Any, time: str = "discrete", title: str = ""
) -> Any:
    """Eigenvalues in the complex plane as one parameter moves, with the border of stability.

    Math:       discrete time: the unit circle (eigenvalues per step); continuous: the imaginary axis (per unit time)
    Shapes:     each path is an array (m, n), row k the n eigenvalues at values[k]; or a square SymPy matrix in `parameter`
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
    spectra = {label: _spectra(path, parameter, values) for label, path in paths.items()}
    figure, axes = _axes(5.2, 4.6, title)
    if time == "discrete":
        turn = np.linspace(0, 2 * np.pi, 361)
        axes.fill(np.cos(turn), np.sin(turn), color="#0072b2", alpha=0.08, linewidth=0)
        axes.plot(np.cos(turn), np.sin(turn), color=_INK, linewidth=0.9, label="|λ| = 1")
    else:
        axes.axvline(0, color=_INK, linewidth=0.9, label="Re λ = 0")
    for index, (label, roots) in enumerate(spectra.items()):
        colour = COLOURS[index % len(COLOURS)]
        for column in range(roots.shape[1]):
            line = roots[:, column]
            axes.plot(
                line.real,
                line.imag,
                color=colour,
                linestyle=_DASHES[index % len(_DASHES)],
                linewidth=1.7,
                label=label if column == 0 else None,
            )
        # A hollow start and a solid end tell the direction.
        axes.plot(roots[0].real, roots[0].imag, "o", color=colour, markerfacecolor=_PAPER, markersize=5)
        axes.plot(roots[-1].real, roots[-1].imag, "o", color=colour, markersize=5)
    axes.axhline(0, color=_INK, linewidth=0.3)
    axes.set_aspect("equal", adjustable="datalim")
    reach = f"Re λ      {_axis(parameter, '')} from {values[0]:g} (hollow) to {values[-1]:g} (solid)"
    _label(axes, reach, "Im λ")
    _legend(axes)
    return figure


def stability_map(
    size: Any,
    x: Sequence[float],
    y: Sequence[float],
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
    Shapes:     `size` is an array (len(y), len(x)) or a callable on two such arrays; `boundary` an expression in `names`,
                or a relation of the two sides
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
    figure, axes = _axes(5.6, 4.4, title)
    span = float(min(max(np.nanmax(np.abs(shown - border)), 1e-9), 1.0))
    levels = border + span * np.linspace(-1, 1, 21)
    drawn = axes.contourf(
        x, y, np.clip(shown, levels[0], levels[-1]), levels=levels, cmap=_colour_map(), antialiased=False
    )
    scale = figure.colorbar(drawn, ax=axes, pad=0.02)
    scale.set_label(measure, color=_INK)
    scale.ax.tick_params(labelsize=9, color=_INK, labelcolor=_INK)
    scale.outline.set_edgecolor(_INK)
    if boundary is not None:
        curve = on_arrays(
            boundary.lhs - boundary.rhs if isinstance(boundary, sp.core.relational.Relational) else boundary, names
        )
        fine = np.meshgrid(np.linspace(x[0], x[-1], 400), np.linspace(y[0], y[-1], 400))
        axes.contour(*fine, curve(*fine), levels=[0.0], colors=[_INK], linewidths=2.0)
        axes.plot([], [], color=_INK, linewidth=2.0, label=_plain(boundary_label))
        _legend(axes)
    axes.set(xlim=(x[0], x[-1]), ylim=(y[0], y[-1]))
    _label(axes, _axis(names[0], units[0]), _axis(names[1], units[1]))
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
    drawn = drawn[drawn.index("<svg") :].replace(_INK, "currentColor").replace(_PAPER, "var(--page,#fff)")
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


# Small parts ------------------------------------------------------------------------------------------------------


def _axes(width: float, height: float, title: str) -> tuple[Any, Any]:
    """A figure with one pair of axes in our ink."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.add_subplot()
    axes.set_facecolor("none")
    for spine in axes.spines.values():
        spine.set_edgecolor(_INK)
    axes.tick_params(colors=_INK, labelsize=9)
    if title:
        axes.set_title(_plain(title), color=_INK, fontsize=11)
    return figure, axes


def _path(axes: Any, path: Any, label: str, index: int) -> None:
    """One trajectory with its start marked; iterates as points while they are few."""
    colour = COLOURS[index % len(COLOURS)]
    dots = {"marker": ".", "markersize": 4.5} if len(path) <= 60 else {}
    axes.plot(
        path[:, 0],
        path[:, 1],
        color=colour,
        linestyle=_DASHES[index % len(_DASHES)],
        linewidth=1.5,
        label=_plain(label),
        **dots,
    )
    axes.plot(*path[0], marker="o", markersize=6.5, color=colour, markerfacecolor=_PAPER, linestyle="none")


def _legend(axes: Any) -> None:
    """The key below the axes, where it hides nothing."""
    axes.figure.legend(loc="outside lower center", ncols=2, fontsize=9, labelcolor=_INK, frameon=False)


def _label(axes: Any, across: str, up: str) -> None:
    axes.set_xlabel(across, color=_INK, fontsize=11)
    axes.set_ylabel(up, color=_INK, fontsize=11)


def _axis(variable: Any, unit: str) -> str:
    """A variable as an axis label, its unit in brackets."""
    return name_mathtext(getattr(variable, "name", str(variable))) + (f" [{_plain(unit)}]" if unit else "")


def _plain(words: str) -> str:
    """Words that matplotlib must not read as mathematics."""
    return "".join(c if c.isprintable() else "\ufffd" for c in words).replace("$", r"\$")


def _around(paths: Sequence[Any]) -> tuple[float, float, float, float]:
    """A box around all points with a margin; the unit box where there are none."""
    points = np.concatenate([path.reshape(-1, 2) for path in paths])
    points = points[np.isfinite(points).all(axis=1)]
    if not len(points):
        return (-1.0, 1.0, -1.0, 1.0)
    low, high = points.min(axis=0), points.max(axis=0)
    margin = 0.12 * np.maximum(high - low, 1e-3)
    return (
        float(low[0] - margin[0]),
        float(high[0] + margin[0]),
        float(low[1] - margin[1]),
        float(high[1] + margin[1]),
    )


def _spectra(path: Any, parameter: Any, values: Any) -> Any:
    """Eigenvalues along the values, each column one continuous branch."""
    if isinstance(path, sp.MatrixBase):
        entries: list[Callable[..., Any]] = [on_arrays(entry, (parameter,)) for entry in path]
        stack = np.stack([entry(values) for entry in entries], axis=-1).reshape(len(values), *path.shape)
        path = np.linalg.eigvals(stack)
    roots = np.array(path, dtype=complex)
    if roots.ndim != 2 or len(roots) != len(values):
        raise GameError(
            f"a path of eigenvalues needs one row per value of the parameter ({len(values)}); its shape is {roots.shape}."
        )
    for row in range(1, len(roots)):
        # Each branch takes the nearest of the eigenvalues that are left.
        left = list(roots[row])
        roots[row] = [left.pop(int(np.argmin([abs(root - last) for root in left]))) for last in roots[row - 1]]
    return roots


def _colour_map() -> Any:
    """Blue (stable) over white to orange (unstable): apart for every eye."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list(
        "stability", ["#0b5a8f", "#5fa8d6", "#d9ebf7", "#fbe6d6", "#e89a5b", "#b34700"]
    )


__all__ = ["eigenvalue_paths", "figure_svg", "phase_portrait", "stability_map"]

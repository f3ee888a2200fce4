"""Small parts of every picture: colours, axes, labels, keys, branches of eigenvalues.

Main definitions: `new_axes`, `path`, `legend`, `label`, `scale`, `axis`, `plain`, `around`, `spectra`, `colour_map`,
`edge_of`, `dataset`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import sympy as sp

from bilevel.language.errors import GameError
from bilevel.show.evaluate import on_arrays
from bilevel.show.names import name_mathtext

# Okabe and Ito (2008): eight colours apart for every eye; each line also has its own dash and marker.
COLOURS = ("#0072b2", "#d55e00", "#00865f", "#aa4499", "#e69f00", "#56b4e9", "#6b6b00", "#444444")
DASHES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 1)), (0, (8, 2)), (0, (3, 2)))
INK = "#010203"  # becomes currentColor, so that a figure follows the page into dark mode
PAPER = "#fdfcfb"  # becomes the colour of the page


def new_axes(width: float, height: float, title: str) -> tuple[Any, Any]:
    """A figure with one pair of axes in our ink."""
    from bilevel.show.picture import Picture

    figure = Picture(figsize=(width, height), layout="constrained")
    axes = figure.add_subplot()
    axes.set_facecolor("none")
    for spine in axes.spines.values():
        spine.set_edgecolor(INK)
    axes.tick_params(colors=INK, labelsize=9)
    if title:
        axes.set_title(plain(title), color=INK, fontsize=11)
    return figure, axes


def path(axes: Any, path: Any, label: str, index: int) -> None:
    """One trajectory with its start marked; iterates as points while they are few."""
    colour = COLOURS[index % len(COLOURS)]
    dots = {"marker": ".", "markersize": 4.5} if len(path) <= 60 else {}
    axes.plot(
        path[:, 0],
        path[:, 1],
        color=colour,
        linestyle=DASHES[index % len(DASHES)],
        linewidth=1.5,
        label=plain(label),
        **dots,
    )
    axes.plot(*path[0], marker="o", markersize=6.5, color=colour, markerfacecolor=PAPER, linestyle="none")


def legend(axes: Any) -> None:
    """The key below the axes, where it hides nothing."""
    axes.figure.legend(loc="outside lower center", ncols=2, fontsize=9, labelcolor=INK, frameon=False)


def scale(figure: Any, drawn: Any, measure: str) -> None:
    """The scale of colours beside the axes, with what it measures."""
    bar = figure.colorbar(drawn, ax=figure.axes[0], pad=0.02)
    bar.set_label(plain(measure), color=INK)
    bar.ax.tick_params(labelsize=9, color=INK, labelcolor=INK)
    bar.outline.set_edgecolor(INK)


def label(axes: Any, across: str, up: str) -> None:
    axes.set_xlabel(across, color=INK, fontsize=11)
    axes.set_ylabel(up, color=INK, fontsize=11)


def axis(variable: Any, unit: str) -> str:
    """A variable as an axis label, its unit in brackets."""
    return name_mathtext(getattr(variable, "name", str(variable))) + (f" [{plain(unit)}]" if unit else "")


def edge_of(condition: Any) -> Any:
    """An expression that is positive inside the set of a condition and zero on its edge; None where there is none."""
    if isinstance(condition, sp.StrictLessThan | sp.StrictGreaterThan | sp.LessThan | sp.GreaterThan):
        return condition.gts - condition.lts
    if isinstance(condition, sp.Eq):
        return -sp.Abs(condition.lhs - condition.rhs)
    if isinstance(condition, sp.And | sp.Or):
        parts = [edge_of(part) for part in condition.args]
        joined = sp.Min if isinstance(condition, sp.And) else sp.Max
        return None if any(part is None for part in parts) else joined(*parts)
    return None


def dataset(axes: Mapping[str, tuple[Any, str]], arrays: Mapping[str, tuple[tuple[str, ...], Any]]) -> Any:
    """What a picture shows, under its names: axes {name: (values, unit)}, arrays {name: (axes, values)}."""
    import xarray

    coordinates = {name: (name, np.asarray(values), {"units": unit or "1"}) for name, (values, unit) in axes.items()}
    return xarray.Dataset({f"{name} shown" if name in axes else name: a for name, a in arrays.items()}, coordinates)


def plain(words: str) -> str:
    """Words that matplotlib must not read as mathematics."""
    return "".join(c if c.isprintable() else "\ufffd" for c in words).replace("$", r"\$")


def around(paths: Sequence[Any]) -> tuple[float, float, float, float]:
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


def spectra(path: Any, parameter: Any, values: Any) -> Any:
    """Eigenvalues along the values, each column one continuous branch."""
    if isinstance(path, sp.MatrixBase):
        entries: list[Callable[..., Any]] = [on_arrays(entry, (parameter,)) for entry in path]
        stack = np.stack([entry(values) for entry in entries], axis=-1).reshape(len(values), *path.shape)
        path = np.linalg.eigvals(stack)
    roots = np.array(path, dtype=complex)
    if roots.ndim != 2 or len(roots) != len(values):
        raise GameError(
            f"a path of eigenvalues needs one row per value of the parameter, {len(values)}; got shape {roots.shape}."
        )
    for row in range(1, len(roots)):
        # Each branch takes the nearest of the eigenvalues that are left.
        left = list(roots[row])
        roots[row] = [left.pop(int(np.argmin([abs(root - last) for root in left]))) for last in roots[row - 1]]
    return roots


def colour_map() -> Any:
    """Blue (stable) over white to orange (unstable): apart for every eye."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list(
        "stability", ["#0b5a8f", "#5fa8d6", "#d9ebf7", "#fbe6d6", "#e89a5b", "#b34700"]
    )

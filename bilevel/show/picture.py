"""A figure that carries its numbers.

Main definitions: `Picture`.
"""

from __future__ import annotations

import io
from typing import Any

from matplotlib.figure import Figure

__all__ = ["Picture"]


class Picture(Figure):
    """A matplotlib figure whose `data` holds what is drawn, as an `xarray.Dataset`.

    Math:       nothing is lost between the numbers and the drawing: `picture.data` is what a reader may plot anew
    Reference:  Hunter (2007), doi:10.1109/MCSE.2007.55
    Examples:
        >>> picture = Picture()
        >>> picture.data is None, len(picture.axes)
        (True, 0)
    """

    data: Any = None

    def _repr_png_(self) -> bytes:
        """How a notebook shows it."""
        buffer = io.BytesIO()
        self.savefig(buffer, format="png", dpi=110)
        return buffer.getvalue()

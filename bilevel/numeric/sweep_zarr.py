"""A sweep written to a Zarr store chunk by chunk, for grids larger than memory; the store is its own checkpoint.

Main definitions: `ZarrStore`.

One chunk of the sweep is one chunk of each Zarr array, one file each, written whole. A line in a log beside the store
(PATH.progress) says that a chunk is there; the log goes when the sweep is complete.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from bilevel.language.errors import GameError
from bilevel.numeric.sweep_plan import Plan
from bilevel.numeric.sweep_points import COUNTED, Chunk

_DIGEST = "bilevel_sweep"


class ZarrStore:
    """A folder that Zarr and xarray read, with what was found so far."""

    def __init__(self, path: Any, plan: Plan, about: Mapping[str, Mapping[str, Any]]) -> None:
        self.path, self.plan, self.about = Path(path), plan, about
        self.log = self.path.with_name(f"{self.path.name}.progress")
        self.names = ("verdict", "margin", *plan.extra)
        zarr = _zarr()
        if (self.path / "zarr.json").exists():
            self.group = zarr.open_group(self.path, mode="r+")
            self._check()
        elif self.path.exists() and any(self.path.iterdir()):
            raise GameError(f"{self.path} holds something else; choose a path that is not there yet")
        else:
            self.group = self._new(zarr)
        self.counts = np.zeros(len(COUNTED), np.int64)
        self.done = self._noted()

    def put(self, index: int, found: Chunk) -> None:
        """Keep a chunk."""
        box = self.plan.box(index)
        for name in self.names:
            self.group[name][box] = found.arrays[name].reshape([part.stop - part.start for part in box])
        with self.log.open("a", encoding="ascii") as file:
            file.write(f"{index} {' '.join(map(str, found.counts))}.\n")
            file.flush()
            os.fsync(file.fileno())
        self.counts += found.counts
        self.done.add(index)

    def dataset(self, facts: Mapping[str, Any]) -> Any:
        """The store as an `xarray.Dataset` that reads from disk what is looked at."""
        import xarray

        if len(self.done) == self.plan.chunks and "points" not in self.group.attrs:
            counts = dict(zip(COUNTED, map(int, self.counts), strict=True))
            self.group.attrs.update({**facts, **counts})
        self.log.unlink(missing_ok=True)
        return xarray.open_zarr(self.path, chunks=None, consolidated=False)

    def _new(self, zarr: Any) -> Any:
        group = zarr.create_group(self.path, attributes={_DIGEST: self.plan.digest})
        axes = [str(symbol) for symbol, _ in self.plan.axes]
        for name, axis in zip(axes, self.plan.grid, strict=True):
            kept = group.create_array(
                name, data=axis.floats, dimension_names=[name], attributes=dict(self.about[name]), fill_value=None
            )
            kept[:] = axis.floats
        for name in self.names:
            group.create_array(
                name,
                shape=self.plan.shape,
                chunks=self.plan.tile,
                dtype="int8" if name == "verdict" else "float64",
                dimension_names=axes,
                attributes={key: _plain(value) for key, value in self.about[name].items()},
            )
        return group

    def _check(self) -> None:
        found = self.group.attrs.get(_DIGEST)
        if found != self.plan.digest:
            raise GameError(
                f"the store {self.path} belongs to another sweep (other game, rule, axes or chunk size); "
                "choose another path, or ask for the same sweep"
            )

    def _noted(self) -> set[int]:
        """The chunks that are there; a line cut off by a kill counts for nothing."""
        if "points" in self.group.attrs:
            return set(range(self.plan.chunks))
        if not self.log.exists():
            return set()
        told = self.log.read_text(encoding="ascii").splitlines(keepends=True)
        lines = [line for line in told if line.endswith(".\n")]
        noted = {int(line.split()[0]): [int(word) for word in line.rstrip(".\n").split()[1:]] for line in lines}
        self.log.write_text("".join(lines), encoding="ascii")
        for counts in noted.values():
            self.counts += counts
        return set(noted)


def _zarr() -> Any:
    try:
        return importlib.import_module("zarr")
    except ImportError:
        raise GameError(
            "a store needs the package zarr, which is not installed; pip install 'bilevel[zarr]', "
            "or leave store= out to get the result in memory"
        ) from None


def _plain(value: Any) -> Any:
    return value.tolist() if isinstance(value, np.ndarray) else value

"""Chunks of a sweep: computed here or by any executor, kept in memory or in a folder, taken up again later.

Main definitions: `Memory` (the result, with a checkpoint or without), `Folder` (a checkpoint), `computed` (chunks as
they become ready).
"""

from __future__ import annotations

import json
import os
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, wait
from pathlib import Path
from typing import Any

import numpy as np

from bilevel.language.errors import GameError
from bilevel.numeric.sweep_plan import Plan
from bilevel.numeric.sweep_points import COUNTED, Chunk, chunk

WAITING = 2**27  # bytes of results that may be under way at once


class Folder:
    """A folder of finished chunks, one npz each; what is written appears under its name whole or not at all."""

    def __init__(self, path: Any, plan: Plan) -> None:
        self.path, self.plan = Path(path), plan
        self.path.mkdir(parents=True, exist_ok=True)
        note, about = self.path / "sweep.json", {"digest": plan.digest, "points": plan.points, "chunks": plan.chunks}
        if not note.exists():
            if any(self.path.glob("chunk-*.npz")):
                raise GameError(f"the checkpoint {path} holds chunks of an unknown sweep; choose an empty folder")
            self._write(note, lambda file: file.write(json.dumps(about).encode()))
        try:
            found = json.loads(note.read_text())
        except (ValueError, OSError):
            found = None
        if found != about:
            raise GameError(
                f"the checkpoint {path} belongs to another sweep (other game, rule, axes or chunk size); "
                "choose another folder, or ask for the same sweep"
            )

    def load(self, index: int) -> Chunk | None:
        """A finished chunk, None where there is none that can be read."""
        try:
            with np.load(self._name(index), allow_pickle=False) as kept:
                arrays = {name: kept[name] for name in ("verdict", "margin", *self.plan.extra)}
                redecided, outside = map(int, kept["counts"])
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            return None
        whole = all(array.shape == (self.plan.span(index)[1],) for array in arrays.values())
        return Chunk(arrays, redecided, outside) if whole else None

    def save(self, index: int, found: Chunk) -> None:
        """Keep a chunk."""
        counts = np.array([found.redecided, found.outside], np.int64)
        self._write(self._name(index), lambda file: np.savez(file, counts=counts, **found.arrays))

    def _name(self, index: int) -> Path:
        return self.path / f"chunk-{index:08d}.npz"

    def _write(self, target: Path, write: Any) -> None:
        handle, name = tempfile.mkstemp(dir=self.path, prefix=".unfinished-")
        try:
            with os.fdopen(handle, "wb") as file:
                write(file)
                file.flush()
                os.fsync(file.fileno())
            os.replace(name, target)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise


class Memory:
    """The result as arrays, filled chunk by chunk; with a folder, what it holds is there from the start."""

    def __init__(self, plan: Plan, folder: Folder | None, about: Mapping[str, Mapping[str, Any]]) -> None:
        self.plan, self.folder, self.about = plan, folder, about
        self.arrays = {
            name: np.empty(plan.points, np.int8 if name == "verdict" else np.float64)
            for name in ("verdict", "margin", *plan.extra)
        }
        self.counts, self.done = np.zeros(len(COUNTED), np.int64), set[int]()
        for index in range(plan.chunks) if folder else ():
            if folder and (kept := folder.load(index)) is not None:
                self._take(index, kept)

    def put(self, index: int, found: Chunk) -> None:
        """Keep a chunk."""
        if self.folder:
            self.folder.save(index, found)
        self._take(index, found)

    def _take(self, index: int, found: Chunk) -> None:
        start, count = self.plan.span(index)
        for name, array in self.arrays.items():
            array[start : start + count] = found.arrays[name]
        self.counts += found.counts
        self.done.add(index)

    def dataset(self, facts: Mapping[str, Any]) -> Any:
        """The arrays under their names and units."""
        import xarray

        axes = [str(symbol) for symbol, _ in self.plan.axes]
        counts = dict(zip(COUNTED, map(int, self.counts), strict=True))
        return xarray.Dataset(
            {name: (axes, a.reshape(self.plan.shape), self.about[name]) for name, a in self.arrays.items()},
            {name: (name, a.floats, self.about[name]) for name, a in zip(axes, self.plan.grid, strict=True)},
            {**facts, **counts},
        )


def computed(plan: Plan, executor: Executor | None, left: list[int]) -> Iterator[tuple[int, Chunk]]:
    """The chunks that are left, each with its number, in the order in which they become ready."""
    if executor is None:
        return ((index, chunk(plan, index)) for index in left)
    return _sent(plan, executor, left)


def _sent(plan: Plan, executor: Executor, left: list[int]) -> Iterator[tuple[int, Chunk]]:
    """Chunks by an executor, never more under way than fit in a bounded amount of memory."""
    bytes_each = plan.size * (9 + 8 * len(plan.extra))
    most = int(np.clip(WAITING // bytes_each, 2, 256))
    waiting: Iterator[int] = iter(left)
    under_way: dict[Future[Chunk], int] = {}
    try:
        while True:
            while len(under_way) < most and (index := next(waiting, None)) is not None:
                under_way[executor.submit(chunk, plan, index)] = index
            if not under_way:
                return
            for future in wait(under_way, return_when=FIRST_COMPLETED).done:
                yield under_way.pop(future), future.result()
    except BrokenExecutor as stop:
        stop.add_note("A worker of the executor died. What was finished is kept in a checkpoint or store, if one was "
                      "given: the same sweep with a new executor goes on from there.")  # fmt: skip
        raise
    finally:
        for future in under_way:
            future.cancel()

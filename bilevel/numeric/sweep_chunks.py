"""Chunks of a sweep: computed here or by any executor, kept in a folder, taken up again after an interruption.

Main definitions: `Folder` (a checkpoint), `finished` (every chunk, as it becomes ready).
"""

from __future__ import annotations

import json
import os
import tempfile
import zipfile
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from pathlib import Path
from typing import Any

import numpy as np

from bilevel.language.errors import GameError
from bilevel.numeric.sweep_plan import Chunk, Plan, chunk

WAITING = 2**27  # bytes of results that may be under way at once


class Folder:
    """A folder of finished chunks, one npz each; what is written appears under its name whole or not at all."""

    def __init__(self, path: Any, plan: Plan) -> None:
        self.path, self.plan = Path(path), plan
        self.path.mkdir(parents=True, exist_ok=True)
        note, about = self.path / "sweep.json", {"digest": plan.digest, "points": plan.points, "chunk": plan.size}
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
                counts = kept["counts"]
                found = Chunk(kept["verdict"], kept["margin"], kept["radius"], int(counts[0]), int(counts[1]))
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            return None
        expected = min(self.plan.size, self.plan.points - index * self.plan.size)
        return found if found.verdict.shape == found.margin.shape == (expected,) else None

    def save(self, index: int, found: Chunk) -> None:
        """Keep a chunk."""
        arrays = {
            "verdict": found.verdict,
            "margin": found.margin,
            "radius": found.radius,
            "counts": np.array([found.redecided, found.outside], np.int64),
        }
        self._write(self._name(index), lambda file: np.savez(file, **arrays))

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


def finished(plan: Plan, executor: Executor | None, folder: Folder | None) -> Iterator[tuple[int, Chunk]]:
    """Every chunk with its number, in the order in which they become ready; kept ones are not computed again."""
    left = []
    for index in range(plan.chunks):
        kept = folder.load(index) if folder else None
        if kept is None:
            left.append(index)
        else:
            yield index, kept
    ready = ((index, chunk(plan, index)) for index in left) if executor is None else _sent(plan, executor, left)
    for index, found in ready:
        if folder:
            folder.save(index, found)
        yield index, found


def _sent(plan: Plan, executor: Executor, left: list[int]) -> Iterator[tuple[int, Chunk]]:
    """Chunks by an executor, never more under way than fit in a bounded amount of memory."""
    most = int(np.clip(WAITING // (20 * plan.size), 2, 256))
    waiting, under_way = iter(left), {}
    try:
        while True:
            for index in waiting:
                under_way[executor.submit(chunk, plan, index)] = index
                if len(under_way) >= most:
                    break
            if not under_way:
                return
            done: set[Future[Chunk]] = wait(under_way, return_when=FIRST_COMPLETED).done
            for future in done:
                yield under_way.pop(future), future.result()
    finally:
        for future in under_way:
            future.cancel()

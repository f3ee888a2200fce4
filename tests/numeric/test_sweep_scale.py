"""Sweeps larger than one process or one memory: boxes on disk, real processes killed, executors of other makes."""

from __future__ import annotations

import io
import multiprocessing
import os
import signal
import subprocess
import sys
import textwrap
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import numpy as np
import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st

from bilevel import Game, maximize, minimize, rules
from bilevel.language.errors import GameError
from bilevel.numeric import progress_bar, sweep, sweep_chunks
from bilevel.numeric.sweep_axes import axes_of
from bilevel.numeric.sweep_plan import plan_of
from bilevel.numeric.sweep_points import chunk

theta, psi = sp.symbols("theta psi", real=True)
h, gamma = sp.symbols("h gamma", positive=True)
LOSS = -sp.log(1 + sp.exp(-psi * theta))
PENALISED = Game(generator=minimize(LOSS, theta), discriminator=maximize(LOSS - gamma / 2 * psi**2, psi))
ORIGIN = {theta: 0, psi: 0}
ROOT = Path(__file__).parents[2]


def penalised(**options):
    """Half a percent of these points are on the boundary or outside floats' reach, so exact work travels too."""
    over = {h: (0, 4, 60), gamma: (0, 4, 50)}
    return sweep(PENALISED, rules.alternating(h), ORIGIN, over=over, **options)


def same(one, other):
    """Equal bit for bit, counts and units included."""
    kept = {key: value for key, value in other.attrs.items() if key != "bilevel_sweep"}
    assert one.attrs == kept
    assert all(one[name].values.tobytes() == other[name].values.tobytes() for name in (*one.dims, *one.data_vars))
    assert all(one[name].attrs["units"] == other[name].attrs["units"] for name in (*one.dims, *one.data_vars))


# --- boxes ---


@given(st.lists(st.integers(1, 7), min_size=1, max_size=4), st.integers(1, 60))
def test_boxes_cover_the_grid_once_and_are_runs(shape, size):
    symbols = sp.symbols(f"a0:{len(shape)}")
    axes = axes_of({s: list(range(n)) for s, n in zip(symbols, shape, strict=True)}, symbols)
    plan = plan_of(sp.Matrix([[sum(symbols)]]), "discrete", axes, (), size)
    grid, covered = np.arange(plan.points).reshape(shape), []
    for index in range(plan.chunks):
        start, count = plan.span(index)
        assert count <= size
        assert grid[plan.box(index)].ravel().tolist() == list(range(start, start + count))
        covered += range(start, start + count)
    assert covered == list(range(plan.points))


# --- on disk ---


def test_a_store_holds_what_memory_would(tmp_path):
    whole = penalised(spectral_radius=True, clearance=True, units={h: "per step"})
    path = tmp_path / "map.zarr"
    found = penalised(spectral_radius=True, clearance=True, units={h: "per step"}, store=path, chunk=300)
    same(whole, found)
    assert found.h.attrs["units"] == "per step" and found.gamma.attrs["units"] == "1"
    assert found.verdict.dtype == np.int8 and not (tmp_path / "map.zarr.progress").exists()
    assert len([name for name in (path / "margin" / "c").rglob("*") if name.is_file()]) == 10


def test_a_finished_store_is_read_and_not_computed(tmp_path, monkeypatch):
    penalised(store=tmp_path / "map", chunk=300)
    monkeypatch.setattr(sweep_chunks, "chunk", lambda *_: pytest.fail("computed again"))
    found = penalised(store=tmp_path / "map", chunk=300)
    monkeypatch.undo()
    same(penalised(), found)
    with pytest.raises(GameError, match="another sweep"):
        penalised(store=tmp_path / "map", chunk=250)


def test_what_a_store_refuses(tmp_path, monkeypatch):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").write_text("mine")
    with pytest.raises(GameError, match="holds something else"):
        penalised(store=tmp_path / "full")
    with pytest.raises(GameError, match="not both"):
        penalised(store=tmp_path / "a", checkpoint=tmp_path / "b")
    monkeypatch.setitem(sys.modules, "zarr", None)
    with pytest.raises(GameError, match=r"pip install 'bilevel\[zarr\]'"):
        penalised(store=tmp_path / "none")
    with pytest.raises(GameError, match="units are for the axes h, gamma; got k"):
        penalised(units={"k": "metres"})
    assert [path.name for path in tmp_path.iterdir()] == ["full"]


# --- a process that dies ---

CHILD = """
    import sys, time
    sys.path.insert(0, {root!r})
    from tests.numeric.test_sweep_scale import penalised

    def told(done, of):
        print(done, flush=True)
        time.sleep(0.05)

    penalised(chunk=50, progress=told, **{{{option!r}: {path!r}}})
"""


@pytest.mark.parametrize(("option", "death"), [("store", signal.SIGKILL), ("checkpoint", signal.SIGINT)])
def test_a_killed_process_loses_and_repeats_nothing(tmp_path, monkeypatch, option, death):
    path = tmp_path / "kept"
    code = textwrap.dedent(CHILD.format(root=str(ROOT), option=option, path=str(path)))
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", code], stdout=pipe, stderr=pipe, text=True) as child:
        told = [int(child.stdout.readline()) for _ in range(7)]
        child.send_signal(death)
        told += [int(line) for line in child.stdout]
        assert child.wait(timeout=60) != 0
    assert told[-1] < 60  # it died on the way
    computed, done = [], []
    monkeypatch.setattr(sweep_chunks, "chunk", lambda plan, index: computed.append(index) or chunk(plan, index))
    found = penalised(chunk=50, progress=lambda ready, of: done.append(ready), **{option: path})
    # The last box may have been kept just before the end without being told.
    assert len(computed) in (60 - told[-1], 60 - told[-1] - 1) and len(set(computed)) == len(computed)
    assert done == list(range(60 - len(computed) + 1, 61))
    same(penalised(), found)


def test_a_torn_line_in_the_log_counts_for_nothing(tmp_path):
    def interrupt(ready, of):
        if ready == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        penalised(chunk=50, store=tmp_path / "map", progress=interrupt)
    log = tmp_path / "map.progress"
    log.write_text(log.read_text()[:-3])
    same(penalised(), penalised(chunk=50, store=tmp_path / "map"))


# --- how far it is ---


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_bar_is_drawn_on_a_terminal_and_wiped_at_the_end():
    screen = Terminal()
    penalised(chunk=300, progress=progress_bar(screen))
    drawn = screen.getvalue().split("\r\033[K")
    assert drawn[1] == "[###...........................] 1/10 chunks" and "9/10 chunks, 0 s left" in drawn[9]
    assert drawn[10] == "" and len(drawn) == 11
    assert progress_bar(io.StringIO()) is None


# --- executors of other makes ---


def test_a_process_pool_changes_no_bit(tmp_path):
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        same(penalised(), penalised(chunk=500, executor=pool))
        pids = list(pool._processes)
        os.kill(pids[0], signal.SIGKILL)
        with pytest.raises(BrokenProcessPool) as caught:
            penalised(chunk=50, executor=pool, checkpoint=tmp_path / "kept")
    assert "goes on from there" in caught.value.__notes__[0]
    same(penalised(), penalised(chunk=50, checkpoint=tmp_path / "kept"))


def test_a_dask_cluster_loses_a_worker_and_nothing_else(tmp_path):
    distributed = pytest.importorskip("distributed")
    import dask

    at_work, over = [], {h: (0, 4, 600), gamma: (0, 4, 500)}

    def shoot(ready, of):
        if ready == 2:
            busy = max(client.processing().items(), key=lambda item: len(item[1]))
            at_work.extend(busy[1])
            os.kill(pids[busy[0]], signal.SIGKILL)

    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 10}),
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None,
                                 local_directory=str(tmp_path), silence_logs=50) as cluster,
        distributed.Client(cluster) as client,
    ):  # fmt: skip
        pids = client.run(os.getpid)
        found = sweep(PENALISED, rules.alternating(h), ORIGIN, over=over, chunk=5000, spectral_radius=True,
                      executor=client.get_executor(), progress=shoot)  # fmt: skip
    assert at_work, "the worker was to be killed at work"
    same(sweep(PENALISED, rules.alternating(h), ORIGIN, over=over, spectral_radius=True), found)

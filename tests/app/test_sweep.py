"""`bilevel sweep`: files, picture, exit statuses, and one line for everything that goes wrong."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import xarray

from bilevel.app.cli import main
from tests.app.test_cli import ROOT, complaint, process


def test_data_and_picture_of_two_axes(capsys, dirac, tmp_path):
    out = str(tmp_path / "map")
    assert main(["sweep", dirac, "--over", "h=0:2:41", "--over", "gamma=0:4:21", "-o", out, "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["over"]["gamma"] == {"from": "0", "to": "4", "count": 21} and answer["points"] == 41 * 21
    assert sum(answer["counts"].values()) == 41 * 21 and answer["counts"]["undecided"] == 0
    with np.load(out + ".npz", allow_pickle=False) as kept, xarray.open_dataset(out + ".nc", engine="scipy") as read:
        h, gamma = np.meshgrid(kept["h"], kept["gamma"], indexing="ij")
        inside = (h**2 / 4 + 2 * gamma * h < 4) & (h > 0) & (gamma > 0)
        assert ((kept["verdict"] == 0) == inside).all()
        assert (read.verdict.values == kept["verdict"]).all() and read.margin.attrs["units"] == "per step"
        assert read.verdict.attrs["flag_meanings"] == "stable unstable marginal undecided"
    assert (tmp_path / "map.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert not list(tmp_path.glob(".unfinished*"))


def test_one_axis_under_another_rule(capsys, dirac, tmp_path):
    out = str(tmp_path / "line")
    argv = ["sweep", dirac, "--set", "gamma=1/2", "--rule", "simultaneous", "--over", "h=0:4:33", "-o", out]
    assert main([*argv, "--spectral-radius", "--checkpoint", str(tmp_path / "kept")]) == 0
    text = capsys.readouterr().out
    assert "33 points: h from 0 to 4 (33)" in text and f"wrote {out}.png" in text
    with np.load(out + ".npz") as kept:
        assert kept["spectral_radius"].shape == (33,)
    assert list((tmp_path / "kept").glob("chunk-*.npz"))


@pytest.mark.parametrize(("argv", "words"), [
    (["--over", "k=0:1:5"], "no parameter 'k'"), (["--over", "h=0:1"], "is no range"),
    (["--over", "h=0:1:five"], "number of values"), (["--over", "h=0:q:5"], "--over h"),
    (["--over", "h=-1:1:5", "--over", "gamma=0:1:5"], "contradicts"), (["--over", "h=0:1:5"], "gamma has no value"),
    (["--set", "gamma=1", "--over", "gamma=0:1:5"], "no parameter 'gamma'|has a value"),
    (["--over", "h=0:1:5", "--over", "h=0:1:5"], "varied twice"), ([], "required"),
    (["--over", "h=0:1:1", "--over", "gamma=0:1:5"], "at least 2"), (["--over", "h=0:1:0"], "whole number"),
    (["--over", "h=0:1:5", "--rule", "flow,alternating"], "one rule"), (["--over", "h=0:sqrt(2):3"], "fraction"),
])  # fmt: skip
def test_bad_requests(capsys, dirac, tmp_path, argv, words):
    assert re.search(words, complaint(capsys, "sweep", dirac, *argv, "-o", str(tmp_path / "none")))
    assert not list(tmp_path.glob("none*"))


def test_as_a_process_within_the_budgets(dirac, tmp_path):
    out = str(tmp_path / "map")
    done = process("sweep", dirac, "--over", "h=0:2:300", "--over", "gamma=0:4:300", "-o", out)
    assert done.returncode == 0 and done.stderr == ""
    late = process("sweep", dirac, "--over", "h=0:2:90000", "--over", "gamma=0:4:90000", "-o", out)
    assert late.returncode == 3 and "out of memory" in late.stderr and late.stderr.count("\n") == 1


def test_a_folder_that_is_not_there(capsys, dirac, tmp_path):
    line = complaint(capsys, "sweep", dirac, "--over", "h=0:1:3", "--set", "gamma=1", "-o", str(tmp_path / "no" / "x"))
    assert "no such file" in line


def test_a_zarr_store_in_place_of_netcdf(capsys, dirac, tmp_path):
    plain, stored = str(tmp_path / "plain"), str(tmp_path / "stored")
    argv = ["sweep", dirac, "--over", "h=0:2:41", "--over", "gamma=0:4:21", "--spectral-radius", "--json"]
    assert main([*argv, "-o", plain]) == 0
    one = json.loads(capsys.readouterr().out)
    assert main([*argv, "-o", stored, "--zarr", "--threads", "2"]) == 0
    other = json.loads(capsys.readouterr().out)
    assert one["counts"] == other["counts"]
    assert other["files"] == [f"{stored}.{ending}" for ending in ("zarr", "npz", "png")]
    with np.load(plain + ".npz") as left, np.load(stored + ".npz") as right:
        assert set(left) == set(right) == {"h", "gamma", "verdict", "margin", "spectral_radius"}
        assert all((left[name] == right[name]).all() and left[name].dtype == right[name].dtype for name in left)
        with xarray.open_zarr(stored + ".zarr", chunks=None, consolidated=False) as read:
            assert (read.verdict.values == left["verdict"]).all() and read.attrs["stable"] == one["counts"]["stable"]
    assert not (tmp_path / "stored.zarr.progress").exists()


def test_ctrl_c_says_what_is_kept_and_the_same_command_goes_on(dirac, tmp_path):
    argv = ["sweep", dirac, "--over", "h=0:2:9000", "--over", "gamma=0:4:9000", "-o", str(tmp_path / "big"), "--zarr"]
    command = [sys.executable, "-m", "bilevel", *argv]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True, start_new_session=True) as child:
        log = tmp_path / "big.zarr.progress"
        for _ in range(600):
            if log.exists() and log.read_text().count("\n") >= 2:
                break
            time.sleep(0.05)
        os.killpg(child.pid, signal.SIGINT)  # as a terminal does
        (line,) = child.stderr.read().splitlines()
        assert child.wait(timeout=30) == 3
    assert re.search(r"interrupted; \d+ of \d+ chunks are kept in .*big\.zarr.*the same command again", line)
    assert log.exists()

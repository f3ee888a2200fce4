"""The command line where something goes wrong: one line, the right status, and as a process that is ended or left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from tests.app.test_cli import answer, complaint, process
from tests.app.test_problem import DIRAC
from tests.house.source import ROOT


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["stability", "FILE", "--set", "gama=1"], "did you mean gamma?"),
        (["stability", "FILE", "--set", "gamma"], "write --set NAME=VALUE"),
        (["stability", "FILE", "--set", "gamma=1/"], "--set gamma:1:3"),
        (["stability", "FILE", "--set", "gamma=-1"], "contradicts"),
        (["stability", "FILE", "--set", "gamma=1", "--set", "gamma=2"], "set twice"),
        (["stability", "FILE", "--rule", "alternatin"], "did you mean alternating?"),
        (["stability", "FILE", "--rule", ","], "no rule is named"),
        (["stability", "FILE", "--solve", "k"], "no parameter 'k'"),
        (["stability", "FILE", "--set", "h=1", "--solve", "h"], "has a value already"),
        (["stability", "FILE", "--expect", "yes"], "invalid choice"),
        (["stability", "FILE", "--budget", "soon"], "no amount"),
        (["stability", "nothing.toml"], "no such file"),
        (["stability", "gam"], "did you mean gan?"),
        (["stability", "."], "is a directory"),
        (["stability"], "required"),
        (["correspond", "FILE"], "required"),
        (["correspond", "FILE", "FILE", "--claim", "identica"], "did you mean identical?"),
        (["correspond", "FILE", "FILE", "--map", "theta"], "each variable of the first game"),
        (["correspond", "FILE", "FILE", "--map", "theta=theta, psi=psy"], "--map:1:18"),
        (["correspond", "FILE", "FILE", "--map", "q=psi"], "no such variable"),
        (["correspond", "FILE", "FILE", "--map", "theta=theta, psi=psy"], "did you mean psi?"),
        (["correspond", "FILE", "FILE", "--map", "theta=quux"], "neither game has 'quux'; known: gamma"),
        (["equilibria", "gan", "--set", "gamma=1"], "this model has none"),
        (["derive", "gan", "--diagram", "gan.gif"], ".svg, .dot, .mmd"),
        (["derive", ""], "no file is named"),
        (["derive", "\x00"], "no such path"),
        (["frobnicate"], "invalid choice"),
        (["stabilty", "FILE"], "did you mean stability?"),
        (["stability", "FILE", "--expect", "stabel"], "did you mean stable?"),
        ([], "required"),
    ],
)
def test_bad_input_is_one_line_and_status_two(capsys, dirac, argv, message):
    assert message in complaint(capsys, *[dirac if word == "FILE" else word for word in argv])


def test_no_fixed_point_points_at_the_section(capsys, tmp_path):
    path = tmp_path / "moved.toml"
    path.write_text(DIRAC.replace('psi   = "0"', 'psi   = "1"'))
    line = complaint(capsys, "stability", str(path))
    assert "moved.toml:24:1: not a fixed point" in line and "h/2" in line


@pytest.mark.parametrize("problem", [KeyboardInterrupt, MemoryError, RecursionError, ValueError("odd")])
def test_nothing_ends_in_a_traceback(capsys, dirac, monkeypatch, problem):
    import bilevel.app.commands.stability as command

    def fail(*_):
        raise problem

    monkeypatch.setattr(command, "analysed", fail)
    monkeypatch.delenv("BILEVEL_DEBUG", raising=False)
    complaint(capsys, "stability", dirac, status=3)


def test_time_runs_out_with_what_was_reached(capsys, dirac, monkeypatch):
    import bilevel.app.verdicts as verdicts

    def slow(*_, **__):
        while True:
            time.sleep(0.01)

    monkeypatch.setattr(verdicts, "analyse", slow)
    found = answer(capsys, "stability", dirac, "--budget", "0.2", status=3)
    (point,) = found["equilibria"]
    assert (
        point["verdict"] == "unknown"
        and "out of time" in point["reason"]
        and point["point"] == {"theta": "0", "psi": "0"}
    )
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_a_slow_addition_does_not_cost_the_verdict(capsys, dirac, monkeypatch):
    import bilevel.app.verdicts as verdicts

    def slow(*_, **__):
        while True:
            time.sleep(0.01)

    monkeypatch.setattr(verdicts, "beyond_linear", slow)
    (point,) = answer(capsys, "stability", dirac, "--budget", "2")["equilibria"]
    assert point["condition"] == "h^2/4 + 2*gamma*h < 4" and point["nonlinear"]["claim"] == "undecided"


# --- as a process ----------------------------------------------------------------------------------------------------
def test_the_guarded_process_answers(dirac):
    done = process("stability", dirac)
    assert done.returncode == 0 and "h^2/4 + 2*gamma*h < 4" in done.stdout and done.stderr == ""
    done = process("stability", dirac, "--expect", "stable")
    assert done.returncode == 1
    done = process("stability", "nothing.toml")
    assert done.returncode == 2 and done.stderr.count("\n") == 1


def test_help_is_immediate():
    began = time.monotonic()
    done = process("--help")
    assert done.returncode == 0 and "stability" in done.stdout
    assert time.monotonic() - began < 5  # the benchmark holds the real figure; here only a hang is caught


def test_a_reader_that_goes_away_is_no_error(dirac):
    shell = f"{sys.executable} -m bilevel list | head -c 1; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", shell], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.stderr == ""


STUCK = """
import sys, time
from bilevel.app import budget
budget.GRACE = 0.2
def stuck():
    import signal
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM])
    while True:
        time.sleep(1)
def dying():
    import os, signal
    os.kill(os.getpid(), signal.SIGSEGV)
def late(why):
    print(why)
    return 3
sys.exit(budget.guarded({"stuck": stuck, "dying": dying}[sys.argv[1]], 0.2, None, late))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="without fork there is no parent to watch")
@pytest.mark.parametrize(("how", "why"), [("stuck", "out of time"), ("dying", "ended by signal 11")])
def test_what_never_returns_is_ended(how, why):
    done = subprocess.run([sys.executable, "-c", STUCK, how], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 3 and why in done.stdout


def test_an_interrupt_is_one_line(tmp_path):
    path = tmp_path / "slow.toml"
    path.write_text(DIRAC)
    code = "import bilevel.app.commands.stability as s, time; s.analysed = lambda *_: time.sleep(60)\n"
    code += f"import sys; from bilevel.app.cli import main; sys.argv = ['bilevel', 'stability', {str(path)!r}]\n"
    code += "print('ready', flush=True); sys.exit(main())"
    running = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               text=True, start_new_session=True)  # fmt: skip
    assert running.stdout is not None and running.stdout.readline() == "ready\n"
    time.sleep(0.5)
    os.killpg(running.pid, signal.SIGINT)
    _, err = running.communicate(timeout=30)
    assert running.returncode == 3 and err == "interrupted\n"

"""Budgets of time and memory, so that a long analysis ends in "unknown, reached this far".

Main definitions: `OutOfTime`, `WALL` and `PROCESSOR` time, `Clock`, `limited`, `stop`, `guarded`.

Two lines of defence. Inside the process a timer raises `OutOfTime`, which a command turns into a partial answer. Around
it, where the system has `fork`, a parent that has loaded nothing heavy waits a little longer and then ends the child:
compiled code that never returns to Python, or that uses up the memory, cannot keep the person waiting.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

SOON = 1e-3  # seconds: at once, where 0 would mean never
GRACE = 5.0  # seconds the child has, after its time is up, to say how far it got


class OutOfTime(BaseException):
    """The time is up. Not an `Exception`, so that no handler on the way mistakes it for a failed attempt."""


@dataclass(frozen=True)
class Time:
    """A way to count seconds, and the timer and signal of the system that report them."""

    now: Callable[[], float]
    timer: str
    signal: str

    def ring(self, seconds: float) -> None:
        """Send the signal after some seconds (0: never), and again each second, should the first one get lost."""
        if hasattr(signal, "setitimer"):
            signal.setitimer(getattr(signal, self.timer), seconds, 1.0 if seconds else 0.0)

    def left(self) -> float:
        """In how many seconds the signal comes (0: never)."""
        return signal.getitimer(getattr(signal, self.timer))[0]


WALL = Time(time.monotonic, "ITIMER_REAL", "SIGALRM")  # how long a person waits
PROCESSOR = Time(time.process_time, "ITIMER_PROF", "SIGPROF")  # what the work costs, however busy the machine is


@dataclass(frozen=True)
class Clock:
    """When the time is over (None: never), and the sections of the work that may be cut short.

    After a section nothing is interrupted, so that what is known can be said; a `strict` clock interrupts whatever
    still runs at that end (None: no such end).
    """

    deadline: float | None = None
    time: Time = WALL
    strict: float | None = None

    def part(self, fraction: float) -> Clock:
        """A clock that has this part of the time that is left."""
        if self.deadline is None:
            return self
        now = self.time.now()
        return replace(self, deadline=now + max(self.deadline - now, 0.0) * fraction)

    @contextlib.contextmanager
    def section(self, fraction: float = 1.0) -> Iterator[None]:
        """Raise `OutOfTime` when this part of the time left is over."""
        if self.deadline is None:
            yield
            return
        left = (self.deadline - self.time.now()) * fraction
        if left <= 0:
            raise OutOfTime
        self.time.ring(left)
        try:
            yield
        finally:
            self.time.ring(0 if self.strict is None else max(self.strict - self.time.now(), SOON))


@contextlib.contextmanager
def limited(seconds: float | None, of: Time = WALL, *, strict: bool = False) -> Iterator[Clock]:
    """A clock; until its first section is over (a strict one: always), everything is interrupted when the seconds are.

    Inside another one of the same time, what that one has left goes on afterwards.
    """
    if not seconds or not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield Clock(time=of)
        return
    number = getattr(signal, of.signal)
    before, began, outer = signal.signal(number, _raise), of.now(), of.left()
    of.ring(seconds)
    try:
        yield Clock(began + seconds, of, began + seconds if strict else None)
    finally:
        of.ring(0)
        signal.signal(number, before)
        if outer:
            of.ring(max(outer - (of.now() - began), SOON))


def _raise(number: int, frame: object) -> None:
    raise OutOfTime


def stop() -> None:
    """No further `OutOfTime`: what is known is about to be said."""
    for each in (WALL, PROCESSOR):
        each.ring(0)


def guarded(work: Callable[[], int], seconds: float | None, memory: float | None, late: Callable[[str], int]) -> int:
    """The status of `work`, run in a forked child that is ended when it overruns; then the status of `late(why)`."""
    if not hasattr(os, "fork"):
        return work()
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child == 0:
        os._exit(_in_child(work, seconds, memory))
    code = _wait(child, None if not seconds else seconds + GRACE)
    if code is None:
        return late(f"out of time after {seconds:g} s, inside compiled code")
    if os.WIFSIGNALED(code):
        return late(f"ended by signal {os.WTERMSIG(code)}, as when memory runs out")
    return os.WEXITSTATUS(code)


def _in_child(work: Callable[[], int], seconds: float | None, memory: float | None) -> int:
    status = 3
    try:
        _limit(seconds, memory)
        status = work()
        sys.stdout.flush()
        sys.stderr.flush()
    except BaseException:  # an exit on purpose carries its status; nothing else gets this far
        stopped = sys.exc_info()[1]
        if isinstance(stopped, SystemExit) and isinstance(stopped.code, int):
            status = stopped.code
    return status


def _limit(seconds: float | None, memory: float | None) -> None:
    try:
        import resource
    except ImportError:
        return
    if memory:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_AS, (int(memory * 2**30),) * 2)
    if seconds:  # an orphan of a killed parent ends too; whole seconds, and never so few that starting uses them up
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_CPU, (int(2 * seconds + 2 * GRACE) + 5,) * 2)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _wait(child: int, seconds: float | None) -> int | None:
    """The child's wait status; None when it had to be ended."""
    deadline = None if seconds is None else time.monotonic() + seconds
    pause = 0.002
    while True:
        try:
            done, code = os.waitpid(child, 0 if deadline is None else os.WNOHANG)
            if done:
                return code
            if deadline is not None and time.monotonic() > deadline:
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
                return None
            time.sleep(pause)
            pause = min(2 * pause, 0.05)
        except KeyboardInterrupt:  # the child got it too, and says so
            deadline = time.monotonic() + 2

#!/usr/bin/env python3
"""Set up .venv from this checkout (once), then do a task with it.

    python3 dev.py run [args]      the main job: derive, prove, check and write the report (`bilevel run`)
    python3 dev.py test [args]     lint, types and all tests; with arguments, `pytest args` only
    python3 dev.py lint            ruff and mypy only
    python3 dev.py bench [name]    the programs in benchmarks/, one after the other, or the named one
    python3 dev.py setup           nothing but the environment

Needs Python 3.11 or newer and pip, nothing else; `PIP_*` settings of the machine are left alone.
Standard library only, in syntax that old Pythons parse, so that they can say what is missing.
"""

import contextlib
import hashlib
import os
import pathlib
import shutil
import subprocess
import sys
import time
import venv

ROOT = pathlib.Path(__file__).resolve().parent
ENV = ROOT / ".venv"
PYTHON = ENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
STAMP = ENV / ".stamp"
OLDEST = (3, 11)
HELP_AFTER_PIP = (
    """
dev.py: the packages could not be installed; pip's own message stands above. Usual reasons:
  - no network, or a package index that lacks a pinned version: set PIP_INDEX_URL or pip.conf as this machine needs;
  - no wheel for this machine: jaxlib has none for Intel Macs, nor for Linux with musl;
  - a full disk: the environment takes about 1.5 GB in %s.
Then run the same command again: it resumes."""
    % ENV
)


def say(text):
    print("dev.py: " + text, file=sys.stderr, flush=True)


def fingerprint():
    """What the environment was made from: this Python, the declared and the pinned packages, the place."""
    digest = hashlib.sha256(repr((sys.version_info[:2], str(ROOT))).encode())
    for name in ("pyproject.toml", "constraints.txt"):
        digest.update((ROOT / name).read_bytes())
    return digest.hexdigest()


def ready():
    return PYTHON.exists() and STAMP.exists() and STAMP.read_text() == fingerprint()


@contextlib.contextmanager
def one_at_a_time():
    """Hold a lock on a file: two commands started together set up one after the other; a killed one frees it."""
    with open(str(ENV) + ".lock", "a+") as handle:
        told = False
        while not try_lock(handle):
            if not told:
                say("another dev.py is setting up .venv; waiting for it")
                told = True
            time.sleep(0.5)
        yield


def try_lock(handle):
    try:
        if os.name == "nt":
            import msvcrt

            handle.seek(0)
            msvcrt.locking(handle.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def runs(command):
    """The output of a short command, or None where it fails."""
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=60)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.decode().strip() if done.returncode == 0 else None


def make_environment():
    """An empty .venv of this Python; one that already works is kept and only brought up to date."""
    version = "%d.%d" % sys.version_info[:2]
    if PYTHON.exists() and runs([str(PYTHON), "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]) == version:
        return
    if pathlib.Path(sys.prefix).resolve() == ENV.resolve():
        sys.exit("dev.py: .venv is broken and cannot repair itself; start dev.py with a Python outside it")
    if ENV.exists():
        say("making .venv anew: the old one is broken or of another Python than " + version)
        shutil.rmtree(str(ENV))
    # without pip: Debian's python3 has no ensurepip, and the pip outside can install into the environment
    venv.EnvBuilder(with_pip=False, symlinks=os.name != "nt").create(str(ENV))


def find_pip():
    """A pip that installs into .venv: the one inside, the one of this Python (22.3 or newer), or a bootstrapped one."""
    inside = [str(PYTHON), "-m", "pip"]
    if runs(inside + ["--version"]):
        return inside
    outside = [sys.executable, "-m", "pip", "--python", str(PYTHON)]
    if runs(outside + ["--version"]):
        return outside
    if runs([str(PYTHON), "-m", "ensurepip"]) is not None:
        return inside
    sys.exit(
        "dev.py: found no pip 22.3 or newer for %s and no ensurepip; install one of them "
        "(on Debian: apt-get install python3-pip) and run the same command again" % sys.executable
    )


def set_up():
    """Make .venv hold this project and its pinned packages; at once, without network, when it already does."""
    if ready():
        return
    with one_at_a_time():
        if ready():
            return
        started = time.time()
        say("setting up .venv (once; a minute or two)")
        make_environment()
        install = [
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--constraint",
            str(ROOT / "constraints.txt"),
            "--editable",
            str(ROOT) + "[test]",
        ]
        if subprocess.run(find_pip() + install).returncode:
            sys.exit(HELP_AFTER_PIP)
        STAMP.write_text(fingerprint())
        say("ready after %.0f s" % (time.time() - started))


def python(*arguments):
    """Run .venv's Python on the arguments, from the project's root; the exit status."""
    sys.stdout.flush()
    return subprocess.run([str(PYTHON)] + list(arguments), cwd=str(ROOT)).returncode


def run(arguments):
    return python("-m", "bilevel", "run", *arguments)


def lint(arguments):
    style = python("-m", "ruff", "check", *arguments)
    types = python("-m", "mypy")
    return style or types


def test(arguments):
    """Lint, types and tests: all three run, so that one command tells everything; pytest has the last line."""
    if arguments:
        return python("-m", "pytest", *arguments)
    linted = lint([])
    if linted:
        say("lint or types FAILED (above); the tests still run, but this command fails")
    tested = python("-m", "pytest", "-q", "-n", "auto", "--dist", "worksteal")
    return tested or linted


def bench(arguments):
    names = arguments or sorted(path.stem for path in (ROOT / "benchmarks").glob("*.py"))
    status = 0
    for name in names:
        print("== " + name)
        status = python("-m", "benchmarks." + name) or status
    return status


TASKS = {"run": run, "test": test, "lint": lint, "bench": bench, "setup": lambda arguments: 0}


def main():
    if sys.version_info[:2] < OLDEST:
        sys.exit(
            "dev.py: bilevel needs Python %d.%d or newer; this is %s (%s)"
            % (OLDEST + (sys.version.split()[0], sys.executable))
        )
    task, arguments = (sys.argv[1], sys.argv[2:]) if len(sys.argv) > 1 else ("", [])
    if task not in TASKS:
        sys.exit(__doc__)
    set_up()
    try:
        sys.exit(TASKS[task](arguments))
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()

"""What every test may rely on: no display, one CPU, Hypothesis without deadlines, and honest skips."""

from __future__ import annotations

import os
import shutil
import signal

import pytest
from hypothesis import HealthCheck, settings

os.environ.setdefault("MPLBACKEND", "Agg")
os.environ.setdefault("JAX_PLATFORMS", "cpu")

if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:  # as in a shell's background: processes started here would ignore
    signal.signal(signal.SIGINT, signal.default_int_handler)  # Ctrl-C too, which some tests press

settings.register_profile(
    "bilevel",
    deadline=None,  # the first example pays for imports and compilation
    max_examples=25,
    print_blob=True,  # a failure on another machine can be replayed here
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=bool(os.environ.get("BILEVEL_CI")),  # CI repeats its examples; desks explore
)
settings.load_profile("bilevel")

BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Without a browser, tests marked `browser` say "skipped"; under BILEVEL_CI they run, and so fail."""
    if any(shutil.which(name) for name in BROWSERS) or os.environ.get("BILEVEL_CI"):
        return
    for item in items:
        if item.get_closest_marker("browser"):
            item.add_marker(pytest.mark.skip(reason="no chromium on this machine"))


@pytest.fixture(scope="session")
def browser() -> str:
    """The path of a headless-capable browser; a clear failure where BILEVEL_CI insists on one."""
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if found is None:
        pytest.fail(f"needs one of {', '.join(BROWSERS)}; on Debian: apt-get install chromium")
    return found

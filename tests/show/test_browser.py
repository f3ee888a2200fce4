"""The page in a real browser: nothing sticks out on a phone, formulas have a size, no word became an element.

Without Chromium these tests are skipped; where BILEVEL_CI is set they insist.
"""

from __future__ import annotations

import html
import json
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from tests.show.hostile import HOSTILE
from tests.show.sample import sample

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--hide-scrollbars",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]
# The page stands in a frame of phone width; the script belongs to the frame's parent, the page itself runs none.
PROBE = """<!doctype html><meta charset="utf-8"><body style="margin:0">
<iframe id="f" width="{width}" height="900" style="border:0" srcdoc="{page}"></iframe><pre id="out"></pre><script>
document.getElementById("f").onload = function () {{
  const d = this.contentDocument, root = d.documentElement, width = root.clientWidth;
  const inside = (n) => n.closest(".scroll, svg, pre, details:not([open])");
  const all = [...d.body.querySelectorAll("*")];
  const wide = all.filter((n) => !inside(n) && n.getBoundingClientRect().right > width + 1);
  const maths = [...d.querySelectorAll("math")].filter((n) => !n.closest("details"));
  const flat = maths.filter((n) => n.getBoundingClientRect().height < 5);
  const m = d.querySelector("mfrac"), f = m && m.children;
  document.getElementById("out").textContent = JSON.stringify({{
    width, scroll: root.scrollWidth, wide: wide.map((n) => n.outerHTML.slice(0, 80)), flat: flat.length,
    maths: d.querySelectorAll("math").length, headings: d.querySelectorAll("h2").length,
    evil: d.querySelectorAll("script,img,iframe,object,embed").length,
    handlers: [...d.querySelectorAll("*")].filter((n) => [...n.attributes].some((a) => a.name.startsWith("on"))).length,
    stacked: !!m && f[0].getBoundingClientRect().bottom <= f[1].getBoundingClientRect().top + 3 }});
}};
</script></body>"""


def browser() -> str:
    """The path of Chromium; skips where there is none, fails where there has to be one."""
    found = next(
        (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
    )
    if found is None and os.environ.get("BILEVEL_CI"):
        pytest.fail("BILEVEL_CI is set, so the page must be opened in Chromium; install the package chromium")
    if found is None:
        pytest.skip("no Chromium here; install it to see the page in a real browser")
    return found


def chromium(*arguments: str) -> str:
    """Run Chromium with a fresh profile and return its standard output."""
    with tempfile.TemporaryDirectory() as profile:
        done = subprocess.run(
            [browser(), *FLAGS, f"--user-data-dir={profile}", *arguments],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    assert done.returncode == 0, done.stderr[-800:]
    return done.stdout


def measured(tmp_path: Path, page: str, width: int) -> dict:
    """What the browser says about the page in a frame of a given width."""
    probe = tmp_path / "probe.html"
    probe.write_text(PROBE.format(width=width, page=html.escape(page)), encoding="utf-8")
    dom = chromium("--window-size=1300,1000", "--virtual-time-budget=4000", "--dump-dom", probe.as_uri())
    found = re.search(r'<pre id="out">(.*?)</pre>', dom, re.S)
    assert found and found[1], dom[-500:]
    return json.loads(html.unescape(found[1]))


@pytest.mark.parametrize("width", [360, 390, 1200])
def test_nothing_sticks_out_of_the_page(tmp_path, width):
    seen = measured(tmp_path, sample(), width)
    assert seen["width"] == width and seen["scroll"] <= width, seen
    assert seen["wide"] == [] and seen["flat"] == 0 and seen["maths"] > 5 and seen["stacked"], seen


def test_hostile_words_become_no_elements_in_a_browser(tmp_path):
    seen = measured(tmp_path, sample(" ".join(HOSTILE)), 390)
    assert seen["evil"] == 0 and seen["handlers"] == 0 and seen["headings"] == 4, seen


def test_the_printed_page_holds_the_proofs(tmp_path):
    page, pdf = tmp_path / "page.html", tmp_path / "page.pdf"
    page.write_text(sample(), encoding="utf-8")
    chromium("--no-pdf-header-footer", f"--print-to-pdf={pdf}", page.as_uri())
    assert pdf.read_bytes()[:5] == b"%PDF-"
    reader = shutil.which("pdftotext")
    if reader is None:
        pytest.skip("the PDF was made; without pdftotext its words are not read")
    words = subprocess.run([reader, str(pdf), "-"], capture_output=True, text=True, check=True, timeout=60).stdout
    assert "Write it out:" in words  # stands in a proof that is folded on the screen

"""Pages in headless Chromium, measured: what is wider than the window, which texts overlap, which are too faint."""

import html
import json
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome")
SCRIPT = Path(__file__).with_name("browser.js")


@dataclass(frozen=True)
class Layout:
    """What is wrong with a page at one width: empty lists where nothing is."""

    width: int
    squeezed: list[str]
    wider: list[str]
    overlapping: list[str]
    faint: list[str]
    dark: bool
    texts: int


def find_browser():
    """Return the path of Chromium; ``None`` where it is not installed."""
    return next((path for path in map(shutil.which, NAMES) if path), None)


def on_paper(page):
    """Return the page as it is printed, to be measured on a screen."""
    return page.replace("@media screen", "@media not all").replace("@media print", "@media all")


def measure(browser, page, folder, *, widths, dark=False):
    """Return the layout of a page, text of HTML, at each width in pixels."""
    frames = "".join(
        f'<iframe style="width:{width}px;height:900px;border:0" srcdoc="{html.escape(page)}"></iframe>'
        for width in widths
    )
    harness = folder / "harness.html"
    harness.write_text(
        f"<!doctype html><meta charset=utf-8><body>{frames}<script>{SCRIPT.read_text()}</script>", encoding="utf-8"
    )
    done = subprocess.run(
        [
            browser, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--window-size=1400,1000",
            f"--user-data-dir={folder / 'profile'}", f"--blink-settings=preferredColorScheme={0 if dark else 1}",
            "--dump-dom", harness.as_uri(),
        ],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    (found,) = re.findall(r'<pre id="found">(.*?)</pre>', done.stdout, re.DOTALL)
    return [Layout(**one) for one in json.loads(html.unescape(found))]

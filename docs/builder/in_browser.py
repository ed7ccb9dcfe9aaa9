"""Open every page of the built site in a headless Chromium, and report what a reader would see go wrong."""

import sys
import time
from pathlib import Path

from places import ROOT

sys.path.insert(0, str(ROOT / "tests"))

from browser import PROGRAM, Browser  # noqa: E402

_SETTLED = 0.2  # seconds after a page is complete, for its scripts
_FAULTS = """[
  ...[...document.images].filter(image => image.complete && !image.naturalWidth).map(image => `no image ${image.src}`),
  ...(document.documentElement.scrollWidth > innerWidth ? ["is wider than the window"] : []),
]"""


def available() -> bool:
    """Return whether there is a Chromium."""
    return PROGRAM is not None


def problems_in_browser(site: Path) -> list[str]:
    """Return a line for each error of a script, request to the network, missing image and page that is too wide."""
    found = []
    with Browser() as browser:
        for page in sorted(site.rglob("*.html")):
            if page.name == "404.html":
                continue
            browser.events.clear()
            browser.call("Page.navigate", url=page.resolve().as_uri())
            browser.wait(f"location.pathname.endsWith('/{page.name}') && document.readyState === 'complete'")
            time.sleep(_SETTLED)
            faults = browser.evaluate(_FAULTS)
            faults += [
                f"asks for {url}" for url in browser.requests if url.split(":")[0] in ("http", "https")
            ]
            faults += [str(problem)[:300] for problem in browser.problems]
            found += [f"{page.relative_to(site)}: {fault}" for fault in faults]
    return found

"""The folders of the documentation and of what is made from it."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
TUTORIALS = DOCS / "tutorials"
RUN = ROOT / "build" / "tutorials"  # the tutorials with their outputs, as Markdown, figures and notebooks
PACKAGE = ROOT / "build" / "package"  # links to the sources, as they are in the wheel
SITE = ROOT / "site"

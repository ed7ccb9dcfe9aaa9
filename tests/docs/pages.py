"""Read the pages of the documentation: code blocks, links and anchors."""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md"))]
TUTORIALS = DOCS / "tutorials"
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A fenced block of code.

    Attributes:
        language: the word after the fence, such as "python".
        code: the lines between the fences.
        heading: the heading above it.
        line: number of its first line of code in the page.
    """

    language: str
    code: str
    heading: str
    line: int


def blocks(page: Path, language: str) -> list[Block]:
    """Return the blocks of one language, in order."""
    text = page.read_text(encoding="utf-8")
    found = []
    for fence in _FENCE.finditer(text):
        headings = re.findall(r"^#+ (.+)$", _FENCE.sub("", text[: fence.start()]), re.MULTILINE)
        line = text.count("\n", 0, fence.start(2)) + 1
        found.append(Block(fence[1], fence[2], headings[-1] if headings else "", line))
    return [block for block in found if block.language == language]


def name(page: Path) -> str:
    """Return the path of a page from the top of the repository, without `docs/`."""
    return page.relative_to(DOCS if DOCS in page.parents else ROOT).as_posix()


def commands(page: Path, name: str = "cape") -> list[str]:
    """Return the command lines of a page's bash blocks that start with `name`, without comments."""
    lines = []
    for block in blocks(page, "bash"):
        for line in block.code.replace("\\\n", " ").splitlines():
            command = re.sub(r"\s#.*$", "", line).strip()
            if command.split(" ")[0] == name:
                lines.append(command)
    return lines


def links(page: Path) -> list[str]:
    """Return the targets of all links and images, outside of code."""
    text = re.sub(r"`[^`\n]*`", "", _FENCE.sub("", page.read_text(encoding="utf-8")))
    return re.findall(r"\]\(([^)\s]+)\)", text)


def anchors(page: Path) -> set[str]:
    """Return the anchors of the headings, as GitHub spells them."""
    headings = re.findall(r"^#+ (.+)$", _FENCE.sub("", page.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}

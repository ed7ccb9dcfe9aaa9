"""Hooks of mkdocs: outputs of the tutorials, parts of the README, mathematics, and the sources of the reference."""

import re
import sys
from pathlib import Path

from mkdocs.structure.files import File

sys.path.insert(0, str(Path(__file__).parent))

from mathematics import font, with_mathml  # noqa: E402
from notebooks import outputs_of  # noqa: E402
from places import DOCS, PACKAGE, ROOT, RUN  # noqa: E402

_README_PART = re.compile(r"^<!-- README: (.+) -->$", re.MULTILINE)
_LINKED = {"datasets": "datasets", "solvers": "solvers", "configs": "configs", "shipped": "pretrained"}


def on_startup(command, dirty):
    """Lay the sources out as they are in the wheel, where `solvers` and `datasets` are inside `cape`.

    mkdocstrings looks for the folder when it reads its configuration.
    """
    package = PACKAGE / "cape"
    package.mkdir(parents=True, exist_ok=True)
    sources = {path.name: path for path in (ROOT / "cape").iterdir() if path.name != "__pycache__"}
    sources |= {name: ROOT / folder for name, folder in _LINKED.items()}
    for old in package.iterdir():
        old.unlink()
    for name, source in sources.items():
        (package / name).symlink_to(source)


def on_files(files, config):
    """Add the font of the formulas, and the figures and the notebooks of the tutorials."""
    files.append(File.generated(config, "assets/formulas.ttf", content=font()))
    for made in sorted(RUN.glob("*/*")):
        if made.suffix in (".png", ".ipynb") and (DOCS / "tutorials" / f"{made.parent.name}.md").is_file():
            place = f"tutorials/{made.parent.name}/{made.name}"
            files.append(File.generated(config, place, abs_src_path=str(made)))
    return files


def on_page_markdown(markdown, page, config, files):
    """Put the outputs of a tutorial and parts of the README into a page."""
    source = Path(page.file.abs_src_path)
    if page.file.src_uri.startswith("tutorials/"):
        outputs = outputs_of(source, source.read_text(encoding="utf-8"))
        if outputs is not None:
            link = f"[Download this page as a notebook]({source.stem}/{source.stem}.ipynb){{ .notebook }}"
            title, _, rest = outputs.partition("\n")
            markdown = f"{title}\n\n{link}\n{rest}"
    return _README_PART.sub(lambda part: readme_part(part[1]), markdown)


def on_page_content(content, page, config, files):
    """Write formulas as MathML, which browsers show without scripts."""
    return with_mathml(content)


def readme_part(heading: str) -> str:
    """Return the part of the README below a heading; links lead to pages of the site, or are left out."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    found = re.search(rf"^#+ {re.escape(heading)}\n(.*?)(?=^#|\Z)", text, re.MULTILINE | re.DOTALL)
    if found is None:
        raise ValueError(f"README.md has no heading {heading!r}")
    inside = re.sub(r"\]\(docs/", "](", found[1])
    return re.sub(r"\[([^\]]+)\]\((?:CITATION\.cff|CONTRIBUTING\.md)\)", r"\1", inside).strip()

"""Check a built site: every link, anchor and image leads somewhere, and no page loads anything from the network."""

import urllib.parse
from html.parser import HTMLParser
from pathlib import Path

_LOADED = {"script": "src", "img": "src", "link": "href", "iframe": "src", "source": "src", "object": "data"}
_NOT_LOADED = {"canonical", "next", "prev", "alternate"}  # relations of <link> that a browser does not fetch


class _Page(HTMLParser):
    """The anchors of a page, the targets of its links, and what a browser loads with it."""

    def __init__(self, text: str):
        super().__init__()
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.anchors |= {given[key] for key in ("id", "name") if given.get(key)}
        if tag == "a" and given.get("href"):
            self.links.append(given["href"])
        place = given.get(_LOADED.get(tag, ""))
        if place and not set((given.get("rel") or "").split()) & _NOT_LOADED:
            self.loaded.append(place)


def problems(site: Path) -> list[str]:
    """Return a line for each broken link, missing anchor, missing file and file from the network."""
    files = sorted(site.rglob("*.html"))
    pages = {path: _Page(path.read_text(encoding="utf-8")) for path in files}
    found = []
    for path, page in pages.items():
        name = path.relative_to(site)
        if path.name == "404.html":  # its links are those of the address it is shown at
            continue
        found += [f"{name}: loads {place} from the network" for place in page.loaded if _is_external(place)]
        for link in [*page.links, *page.loaded]:
            if not _is_external(link) and not _resolves(link, path, pages):
                found.append(f"{name}: broken link {link}")
    return found


def _is_external(link: str) -> bool:
    parts = urllib.parse.urlsplit(link)
    return bool(parts.scheme and parts.scheme != "file") or bool(parts.netloc)


def _resolves(link: str, path: Path, pages: dict[Path, _Page]) -> bool:
    parts = urllib.parse.urlsplit(link)
    target = (path.parent / urllib.parse.unquote(parts.path)).resolve() if parts.path else path
    target = target / "index.html" if target.is_dir() else target
    if not target.is_file():
        return False
    anchor = urllib.parse.unquote(parts.fragment)
    return not anchor or target not in pages or anchor in pages[target].anchors

"""The builder of the site: cells of pages, outputs, formulas, and the check of links."""

import sys

import pytest
from browser import PROGRAM
from pages import ROOT

MODULES = ("check", "in_browser", "mathematics", "notebooks", "places")


@pytest.fixture
def builder(monkeypatch):
    """The folder of the builder is on the path; its modules are forgotten afterwards."""
    monkeypatch.syspath_prepend(ROOT / "docs" / "builder")
    yield
    for module in MODULES:
        sys.modules.pop(module, None)


@pytest.fixture
def site(tmp_path):
    (tmp_path / "a.html").write_text('<h1 id="top">A</h1><a href="b.html#there">b</a><img src="f.png">')
    (tmp_path / "b.html").write_text('<p id="there">B</p><a href="a.html">a</a><a href="https://x.org">x</a>')
    (tmp_path / "f.png").touch()
    return tmp_path


@pytest.mark.usefixtures("builder")
def test_a_sound_site_has_no_problems(site):
    from check import problems

    assert problems(site) == []


@pytest.mark.usefixtures("builder")
@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ('<a href="c.html">c</a>', "broken link c.html"),
        ('<a href="b.html#nowhere">b</a>', "broken link b.html#nowhere"),
        ('<img src="g.png">', "broken link g.png"),
        (
            '<script src="https://cdn.org/a.js"></script>',
            "loads https://cdn.org/a.js from the network",
        ),
        (
            '<link rel="stylesheet" href="//cdn.org/a.css">',
            "loads //cdn.org/a.css from the network",
        ),
    ],
)
def test_problems_of_a_site_are_found(site, line, problem):
    from check import problems

    with (site / "a.html").open("a") as page:
        page.write(line)
    assert problems(site) == [f"a.html: {problem}"]


@pytest.mark.skipif(PROGRAM is None, reason="no Chromium")
@pytest.mark.usefixtures("builder")
def test_a_browser_finds_what_a_page_asks_for_and_what_does_not_fit(tmp_path):
    from in_browser import problems_in_browser

    (tmp_path / "good.html").write_text("<p>A page</p>")
    script = "<script>fetch('http://127.0.0.1:9/')</script>"
    (tmp_path / "bad.html").write_text(f'<img src="x.png"><div style="width: 5000px">wide</div>{script}')
    found = problems_in_browser(tmp_path)
    assert all(line.startswith("bad.html: ") for line in found)
    for fault in ("no image", "is wider than the window", "asks for http://127.0.0.1:9/"):
        assert any(fault in line for line in found), fault


@pytest.mark.usefixtures("builder")
def test_pages_become_notebooks_and_printed_text_is_shown_as_a_terminal_does():
    pytest.importorskip("nbclient")
    from notebooks import _text, cells_of, notebook_of

    text = "# Page\n\n```python\nx = 1\n```\n\nText.\n\n```bash\nls\n```\n"
    assert [language for language, _ in cells_of(text)] == ["", "python", "", "bash"]
    notebook = notebook_of(text)
    assert [cell.cell_type for cell in notebook.cells] == ["markdown", "code", "markdown", "code"]
    assert notebook.cells[3].source == "%%bash\nls"
    shown = _text("0 %\r50 %\r\x1b[32mdone\x1b[0m\n/tmp/x.py:3: UserWarning: a < b\n```\n")
    assert shown == '<pre class="output">done\nUserWarning: a &lt; b\n&#96;&#96;&#96;</pre>'


@pytest.mark.usefixtures("builder")
def test_formulas_become_mathml_and_unknown_commands_are_refused():
    pytest.importorskip("latex2mathml")
    pytest.importorskip("fontTools")
    from mathematics import with_mathml

    page = '<p><span class="arithmatex">\\(a &lt; b\\)</span></p><div class="arithmatex">\\[\\partial_t u\\]</div>'
    shown = with_mathml(page)
    assert shown.count("<math") == 2
    assert "arithmatex" not in shown
    with pytest.raises(ValueError, match=r"unknown command \\nonsense"):
        with_mathml('<span class="arithmatex">\\(\\nonsense\\)</span>')

"""Formulas: TeX between the marks of arithmatex becomes MathML, when the site is built."""

import html
import re

from latex2mathml.converter import convert

_FORMULA = re.compile(r'<(span|div) class="arithmatex">(.*?)</\1>', re.DOTALL)


def with_mathml(content: str) -> str:
    """Replace every formula in the HTML of a page."""
    return _FORMULA.sub(lambda found: mathml(found[2], block=found[1] == "div"), content)


def mathml(marked: str, *, block: bool) -> str:
    """Return a formula as MathML.

    Raises:
        ValueError: the formula is not between the marks of arithmatex, or a command of TeX is unknown.
    """
    tex = html.unescape(marked).strip()
    start, end = (r"\[", r"\]") if block else (r"\(", r"\)")
    if not (tex.startswith(start) and tex.endswith(end)):
        raise ValueError(f"expected a formula between {start} and {end}, got {tex!r}")
    tex = tex[len(start) : -len(end)].strip()
    found = convert(tex, display="block" if block else "inline")
    if unknown := re.search(r">\\[A-Za-z]+<", found):
        raise ValueError(f"unknown command {unknown[0][1:-1]} in the formula {tex!r}")
    return f'<div class="formula">{found}</div>' if block else found

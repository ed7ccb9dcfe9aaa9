"""Formulas: TeX between the marks of arithmatex becomes MathML, when the site is built, with a font for it."""

import html
import io
import re
from importlib.resources import files

from fontTools import subset
from fontTools.ttLib import TTFont
from latex2mathml.converter import convert

_FORMULA = re.compile(r'<(span|div) class="arithmatex">(.*?)</\1>', re.DOTALL)
# what the converter calls identifiers and should call operators, and the form of brackets
_OPERATORS = {
    "<mi>&#x02032;</mi>": '<mo lspace="0" rspace="0">&#x02032;</mo>',
    "<mi>&#x027E8;</mi>": '<mo form="prefix" stretchy="false">&#x027E8;</mo>',
    "<mi>&#x027E9;</mi>": '<mo form="postfix" stretchy="false">&#x027E9;</mo>',
}
_FONT = "STIXTwoMath-Regular.ttf"  # in the package ziamath; SIL Open Font License
_LETTERS = [(0x20, 0x7F), (0xA0, 0x100), (0x391, 0x3CA), (0x1D434, 0x1D468), (0x1D6E2, 0x1D71C)]
_SYMBOLS = [(0x2010, 0x2040), (0x2100, 0x2140), (0x2190, 0x21B0), (0x2200, 0x2300), (0x27E8, 0x27EA)]


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
    if unknown := re.search(r">\\[A-Za-z|]+<", found):
        raise ValueError(f"unknown command {unknown[0][1:-1]} in the formula {tex!r}")
    for wrong, right in _OPERATORS.items():
        found = found.replace(wrong, right)
    found = re.sub(r"(<mi>(?:log|exp|tanh)</mi>)(?=<mi|<mfrac|<msub)", r'\1<mspace width="0.167em" />', found)
    found = re.sub(r'stretchy="true"([^>]*>&#x02016;)', r'stretchy="false"\1', found)
    return f'<div class="formula">{found}</div>' if block else found


def font() -> bytes:
    """Return a font for formulas, reduced to letters and symbols: many systems have none."""
    whole = TTFont(io.BytesIO((files("ziamath") / "fonts" / _FONT).read_bytes()))
    options = subset.Options()
    options.layout_features = ["*"]
    reduced = subset.Subsetter(options)
    reduced.populate(unicodes=[c for first, end in _LETTERS + _SYMBOLS for c in range(first, end)])
    reduced.subset(whole)
    content = io.BytesIO()
    whole.save(content)
    return content.getvalue()

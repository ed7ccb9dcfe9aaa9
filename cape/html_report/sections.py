"""The parts of a page that need no script: tiles, warnings, tables, and the identified equation, as HTML."""

from collections.abc import Mapping, Sequence
from html import escape

from cape.evaluation.evaluation import KINDS
from cape.evaluation.text_table import Table


def warning_list(texts: Sequence[str]) -> str:
    items = "".join(f"<li>{escape(text)}</li>" for text in texts)
    return (
        f'<section class="warnings" aria-label="Warnings"><h2>Warnings</h2><ul>{items}</ul></section>'
        * bool(texts)
    )


def summary_tiles(summary: Mapping[str, dict]) -> str:
    """Return one tile for each kind of parameter values, with the mean nRMSE over them."""
    tiles = []
    for kind in (kind for kind in summary if kind in KINDS):
        mean = summary[kind]
        values = f"{mean['values']} value{'s' if mean['values'] > 1 else ''}, {mean['samples']} trajectories"
        tiles.append(
            f'<div class="tile {kind}"><span class="label">{kind}</span><strong>{mean["nRMSE"]:.3g}</strong>'
            f'<span class="note">mean nRMSE, {values}</span></div>'
        )
    return "".join(tiles)


def identified_equation_section(text: str) -> str:
    if not text:
        return ""
    lines = "".join(f'<p class="formula">{escape(line)}</p>' for line in text.split("; "))
    return (
        '<section aria-labelledby="identified"><h2 id="identified">Identified equation</h2>'
        "<p>Found in the training data; the network learns corrections of its steps.</p>"
        f"{lines}</section>"
    )


def table_html(table: Table | str) -> str:
    if isinstance(table, str):
        return f"<p>{escape(table)}</p>"
    caption = f"<caption>{escape(table.title)}</caption>" if table.title else ""
    head = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in table.head)
    body, foot = (_rows(table.head, rows) for rows in (table.rows, table.means))
    return (
        f'<div class="scroll" tabindex="0"><table>{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody>'
        f"<tfoot>{foot}</tfoot></table></div>"
    )


def _rows(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    kind = list(head).index("kind") if "kind" in head else -1
    lines = []
    for row in rows:
        cells = [
            f'<td class="kind {escape(cell)}">{escape(cell)}</td>'
            if i == kind
            else f"<td>{escape(cell)}</td>"
            for i, cell in enumerate(row)
        ]
        lines.append(f"<tr>{''.join(cells)}</tr>")
    return "".join(lines)

"""Writes the page: a template, a style sheet and scripts of this package around the contents of a run."""

import base64
import hashlib
import json
from collections.abc import Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

from cape.atomic import write_text
from cape.datasets.lock import locked_path
from cape.evaluation.error_tables import evaluation_tables, protocol_tables
from cape.html_report.chart_data import error_data, spectrum_data
from cape.html_report.facts import facts, identified_equation, known_equation, settings_as_json
from cape.html_report.field_data import field_data
from cape.html_report.live_surrogate import live_data
from cape.html_report.run_contents import RunContents, collect
from cape.html_report.sections import identified_equation_section, summary_tiles, table_html, warning_list

STATIC = files("cape.html_report") / "static"
SCRIPTS = (
    *("elements.js", "numbers.js", "colours.js", "images.js", "charts.js", "errors.js", "fields.js"),
    *(
        "kernels.js",
        "fourier.js",
        "embedding.js",
        "propagator.js",
        "network.js",
        "equation.js",
        "surrogate.js",
    ),
    *("live.js", "main.js"),
)


def write_page(
    run: str | Path,
    out: str | Path | None = None,
    data: Sequence[str] = (),
    *,
    trusted: bool = False,
    protocols: bool = False,
) -> Path:
    """Write the report of a surrogate as one HTML page; return its path.

    The page opens from disk and loads nothing from elsewhere. Its Content-Security-Policy forbids every request and
    every script but its own.

    Args:
        run: whatever `cape.load` takes.
        out: file to write, atomically; an older one is replaced. Default: report.html in the folder of a run, and
            NAME-report.html in the current folder for a shipped surrogate.
        data: files or folders to evaluate on; none: see `collect`.
        trusted: the files are the user's own (see `cape.datasets.opening.open_files`).
        protocols: also show the results of the protocols of `cape.evaluation.protocols`.

    Raises:
        ValueError: see `collect`, or `out` is a folder.
        FolderInUse: another process is writing `out`.
    """
    path = Path(out) if out is not None else default_path(run)
    if path.is_dir():
        raise ValueError(f"{path}: a folder, expected the name of a file to write")
    with locked_path(path):
        return write_text(path, page(collect(run, data, trusted=trusted, protocols=protocols)))


def default_path(run: str | Path) -> Path:
    """Return where the page of a run goes if nothing else is asked for."""
    folder = Path(run)
    return folder / "report.html" if folder.is_dir() else Path(f"{folder.name}-report.html")


def page(contents: RunContents) -> str:
    """Return the HTML of a page. All text of the run is escaped; the scripts insert it as text, never as HTML."""
    problem, evaluation = contents.surrogate.problem, contents.evaluation
    title, formula = known_equation(problem)
    fields = field_data(evaluation)
    examples = [evaluation.examples[i] for i in fields.pop("numbers")] if fields else []
    numbers = {
        "errors": error_data(evaluation, problem),
        "fields": fields,
        "live": live_data(contents.surrogate, evaluation.examples),
        "spectra": spectrum_data(examples, fields["times"] if fields else ()),
    }
    script = "\n".join(["(() => {", '"use strict";', *(_static(name) for name in SCRIPTS), "})();"])
    found = identified_equation(contents.surrogate)
    report = contents.report
    tables = [*evaluation_tables(evaluation), *protocol_tables(report.protocols or {})]
    return Template(_static("page.html")).substitute(
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        style=_static("page.css"),
        script=script,
        numbers=_json(numbers),
        name=escape(contents.name),
        title=escape(title),
        formula=f'<p class="formula">{escape(formula)}</p>' if formula else "",
        warnings=warning_list(contents.warnings),
        summary=summary_tiles(evaluation.summary),
        evaluated_on=escape(contents.evaluated_on),
        identified=identified_equation_section(found),
        tables="\n".join(table_html(table) for table in tables),
        facts="".join(
            f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>"
            for k, v in facts(contents.surrogate, contents.settings)
        ),
        settings=escape(settings_as_json(contents.surrogate, contents.settings)),
    )


def _static(name: str) -> str:
    return (STATIC / name).read_text(encoding="utf-8")


def _json(content: Any) -> str:
    """Return JSON for a script element: nothing in it can end the element."""
    text = json.dumps(content, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")

"""Run the tutorials: each page is a notebook whose cells are its Python and bash blocks, in their order."""

import base64
import concurrent.futures
import hashlib
import html
import os
import re
import shutil
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from places import RUN

MOST_SECONDS = 600  # of a cell
_FENCE = re.compile(r"^```(python|bash)\n(.*?)^```$\n?", re.MULTILINE | re.DOTALL)
_ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_WARNING_PLACE = re.compile(r"^\S+:\d+: (?=\w*Warning|\w+: )", re.MULTILINE)


def cells_of(text: str) -> list[tuple[str, str]]:
    """Split a page into pairs of a language, "python", "bash" or "" for text, and the text or code."""
    parts, end = [], 0
    for fence in _FENCE.finditer(text):
        parts += [("", text[end : fence.start()]), (fence[1], fence[2])]
        end = fence.end()
    return [part for part in [*parts, ("", text[end:])] if part[1].strip()]


def notebook_of(text: str) -> nbformat.NotebookNode:
    """Make a notebook of a page. A bash block becomes a cell that the shell runs."""
    cells = []
    for number, (language, content) in enumerate(cells_of(text)):
        if language:
            code = ("%%bash\n" if language == "bash" else "") + content.rstrip()
            cells.append(nbformat.v4.new_code_cell(code, id=f"cell-{number}"))
        else:
            cells.append(nbformat.v4.new_markdown_cell(content.strip(), id=f"cell-{number}"))
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})


def run_all(pages: Sequence[Path], jobs: int) -> list[str]:
    """Run pages, several at a time; print the seconds of each, and return the names of those that failed."""
    failed = []
    with concurrent.futures.ThreadPoolExecutor(max(jobs, 1)) as pool:
        running = {pool.submit(run, page): page.stem for page in pages}
        for done in concurrent.futures.as_completed(running):
            try:
                print(f"{running[done]}: {done.result():.0f} s", flush=True)
            except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
                failed.append(running[done])
                print(f"{running[done]}: {_ESCAPE.sub('', str(error))}", flush=True)
    return failed


def run(page: Path) -> float:
    """Run a page in an empty folder, write it with its outputs into `RUN`, and return the seconds it took."""
    text = page.read_text(encoding="utf-8")
    notebook = notebook_of(text)
    fresh = notebook_of(text)  # for readers to download: without outputs
    environment = {key: value for key, value in os.environ.items() if key != "MPLBACKEND"}
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        client = NotebookClient(
            notebook,
            timeout=MOST_SECONDS,
            kernel_name="python3",
            resources={"metadata": {"path": folder}},
            extra_arguments=["--log-level=ERROR"],
        )
        client.execute(env=environment)
    seconds = time.perf_counter() - start
    shutil.rmtree(RUN / page.stem, ignore_errors=True)
    (RUN / page.stem).mkdir(parents=True)
    nbformat.write(fresh, RUN / page.stem / f"{page.stem}.ipynb")
    written = markdown_of(notebook, RUN / page.stem)
    (RUN / page.stem / "page.md").write_text(f"<!-- {digest(text)} -->\n{written}", encoding="utf-8")
    return seconds


def digest(text: str) -> str:
    """Return the digest of a page, by which its outputs are recognised."""
    return hashlib.sha256(text.encode()).hexdigest()


def outputs_of(page: Path, text: str) -> str | None:
    """Return a page with its outputs, or None if it was not run since it was changed."""
    written = RUN / page.stem / "page.md"
    if not written.is_file():
        return None
    first, _, rest = written.read_text(encoding="utf-8").partition("\n")
    return rest if first == f"<!-- {digest(text)} -->" else None


def markdown_of(notebook: nbformat.NotebookNode, folder: Path) -> str:
    """Return a notebook that was run as Markdown; its figures are written into a folder."""
    parts = []
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            parts.append(cell.source)
            continue
        is_shell = cell.source.startswith("%%bash\n")
        code = cell.source.removeprefix("%%bash\n")
        parts.append(f"```{'bash' if is_shell else 'python'}\n{code}\n```")
        parts += [_output(output, folder) for output in _joined(cell.outputs)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _joined(outputs: Sequence[nbformat.NotebookNode]) -> list[nbformat.NotebookNode]:
    """Join the printed texts of a cell, which a kernel sends in pieces, and put them before the figures."""
    texts: dict[str, nbformat.NotebookNode] = {}
    for output in outputs:
        if output.output_type == "stream" and output.name in texts:
            texts[output.name].text += output.text
        elif output.output_type == "stream":
            texts[output.name] = output
    return [*texts.values(), *(output for output in outputs if output.output_type != "stream")]


def _output(output: nbformat.NotebookNode, folder: Path) -> str:
    """Return one output of a cell as Markdown."""
    if output.output_type == "stream":
        return _text(output.text)
    data = output.get("data", {})
    if "image/png" in data:
        name = f"figure-{len(list(folder.glob('*.png'))) + 1}.png"
        (folder / name).write_bytes(base64.b64decode(data["image/png"]))
        width = output.metadata.get("image/png", {}).get("width", 640)
        return f"![Output of the code above]({folder.name}/{name}){{ .output width={width} }}"
    if "text/html" in data:
        return f'<div class="output">{"".join(data["text/html"].splitlines())}</div>'
    return _text(data.get("text/plain", ""))


def _text(text: str) -> str:
    """Return printed text as a block: as a terminal shows it, without colours and without the places of warnings."""
    lines = [line.rstrip("\r").rsplit("\r", 1)[-1].rstrip() for line in _ESCAPE.sub("", text).split("\n")]
    shown = html.escape(_WARNING_PLACE.sub("", "\n".join(lines)).strip("\n"))
    for mark, code in {"`": "&#96;", "$": "&#36;", "*": "&#42;", "_": "&#95;", "\n\n": "\n&#8203;\n"}.items():
        shown = shown.replace(mark, code)  # else Markdown would read it
    return f'<pre class="output">{shown}</pre>' if shown else ""

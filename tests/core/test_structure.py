"""The structure of the package: which way imports run, and how long files and functions are."""

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = {"cape": "cape", "solvers": "cape.solvers", "datasets": "cape.datasets"}
LOWER = {"cape.registry", "cape.atomic"}  # all that datasets and solvers may import of the rest
LEVELS = ("cape.model", "cape.training", "cape.evaluation", "cape.figures", "cape.inference", "cape.release")
LEVELS += ("cape.checking", "cape.html_report", "cape.runs")


def module_files() -> dict[str, Path]:
    """Return the file of every module by its import name."""
    found = {}
    for folder, package in FOLDERS.items():
        for path in (ROOT / folder).rglob("*.py"):
            parts = path.relative_to(ROOT / folder).with_suffix("").parts
            parts = parts[:-1] if parts[-1] == "__init__" else parts
            found[".".join([package, *parts])] = path
    return found


MODULES = module_files()


def imported(path: Path, *, at_import: bool) -> Iterator[str]:
    """Yield the modules of this package that a file imports; with `at_import`, only when it is itself imported."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    inside = (node for body in tree.body if not _is_for_typing(body) for node in _walk(body, at_import))
    for node in inside:
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                yield name if name in MODULES else node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def _is_for_typing(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


def _walk(node: ast.AST, at_import: bool) -> Iterator[ast.AST]:
    yield node
    if at_import and isinstance(node, ast.FunctionDef | ast.Lambda):
        return
    for child in ast.iter_child_nodes(node):
        yield from _walk(child, at_import)


def test_no_imports_form_a_circle():
    graph = {
        name: {m for m in imported(path, at_import=True) if m in MODULES} for name, path in MODULES.items()
    }
    assert len(list(TopologicalSorter(graph).static_order())) == len(MODULES)  # raises CycleError


@pytest.mark.parametrize("package", ["cape.datasets", "cape.solvers"])
def test_datasets_and_solvers_import_nothing_of_the_rest(package):
    for name, path in MODULES.items():
        if name.startswith(package):
            for found in imported(path, at_import=False):
                ours = not found.startswith("cape") or found.startswith(package) or found in LOWER
                assert ours, f"{name} imports {found}"


def test_lower_packages_do_not_import_higher_ones():
    higher = {
        "cape.model": LEVELS[1:],
        "cape.evaluation": ("cape.training", *LEVELS[3:]),
        "cape.training": LEVELS[2:],
        "cape.figures": LEVELS[4:],
    }
    for name, path in MODULES.items():
        for package, forbidden in higher.items():
            if name.startswith(package):
                wrong = [m for m in imported(path, at_import=True) if m.startswith(forbidden)]
                assert not wrong, f"{name} imports {wrong}"


def test_one_file_imports_matplotlib_at_run_time():
    users = {
        n
        for n, path in MODULES.items()
        for m in imported(path, at_import=False)
        if m.startswith("matplotlib")
    }
    assert users <= {"cape.figures.style", "cape.figures.video"}


def test_few_modules_lie_directly_in_the_package():
    assert len([path for path in (ROOT / "cape").glob("*.py") if path.name != "__init__.py"]) <= 14


def test_files_and_functions_are_short():
    for path in [*MODULES.values(), *(ROOT / "tests").rglob("*.py"), *(ROOT / "benchmarks").rglob("*.py")]:
        text = path.read_text(encoding="utf-8")
        assert text.count("\n") <= 250, f"{path.relative_to(ROOT)} has more than 250 lines"
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef):
                documented = ast.get_docstring(node) is not None
                first = node.body[1].lineno if documented and len(node.body) > 1 else node.lineno
                assert node.end_lineno - first < 60, (
                    f"{path.relative_to(ROOT)}: {node.name} is longer than a screen"
                )

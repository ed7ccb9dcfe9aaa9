"""README, docs and CONTRIBUTING: links resolve, Python blocks run, commands exist with the options they name."""

import dataclasses
import functools
import importlib
import re
import shlex
import warnings

import jax.numpy as jnp
import numpy as np
import pytest
from pages import DOCS, PAGES, ROOT, TUTORIALS, anchors, blocks, commands, links, name
from small_files import write_scalar

import cape
from cape import cli, experiment
from cape.model.conditioning import CONDITIONINGS
from cape.model.config import ModelConfig
from cape.model.normalisation import NORMALISATIONS
from cape.solvers.fno import FNOConfig
from cape.solvers.solver import SOLVERS
from cape.training.automatic import AUTOMATIC_MODEL, AUTOMATIC_TRAINING
from cape.training.config import TrainingConfig
from cape.training.curriculum import CURRICULA
from cape.training.optimisers import OPTIMISERS, AdamW
from cape.training.sampling import SAMPLINGS
from cape.training.tracker import TRACKERS

OWN_TEST = "extending.md"  # test_extending.py runs its blocks
RUN = [  # `python docs/builder` runs the tutorials
    page
    for page in PAGES
    if blocks(page, "python") and page.name != OWN_TEST and TUTORIALS not in page.parents
]
LONG = ("README.md", "data.md", "inference.md")  # their blocks take many seconds
COMMANDS = [(name(page), line) for page in PAGES for line in commands(page)]
names = [name(page) for page in PAGES]


@pytest.mark.parametrize("page", PAGES, ids=names)
def test_links_and_anchors_resolve(page):
    for target in links(page):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = target.partition("#")
        found = (page.parent / file).resolve() if file else page
        assert found.exists(), f"{page.name}: {target}"
        assert not anchor or anchor in anchors(found), f"{page.name}: {target}"


@pytest.mark.parametrize("page", PAGES, ids=names)
def test_files_and_folders_that_are_named_exist(page):
    folders = "benchmarks|cape|configs|datasets|docs|pretrained|solvers|tests"
    for path in re.findall(rf"`(?:python )?((?:{folders})/[\w/.-]*)[^`]*`", page.read_text()):
        assert (ROOT / path).exists(), f"{page.name}: {path}"


@pytest.mark.parametrize("page", PAGES, ids=names)
def test_modules_and_names_of_the_package_exist(page):
    for dotted in names_of_the_package(page.read_text()):
        assert exists(dotted), f"{page.name}: {dotted}"


def test_the_new_names_in_the_changelog_exist():
    section = (ROOT / "CHANGELOG.md").read_text().split("\n## ")[1]
    assert section.startswith(cape.__version__)
    for dotted in names_of_the_package(re.sub(r"^\|[^|]*\|", "", section, flags=re.MULTILINE)):
        assert exists(dotted), dotted


def names_of_the_package(text: str) -> set[str]:
    """Return the dotted names in code that begin with `cape`."""
    return set(re.findall(r"`(cape(?:\.\w+)+)", text))


def exists(dotted: str) -> bool:
    """Return whether a dotted name is a module, or an attribute in one."""
    parts = dotted.split(".")
    for cut in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:cut]))
        except ModuleNotFoundError:
            continue
        try:
            functools.reduce(getattr, parts[cut:], found)
        except AttributeError:
            return False
        return True
    return False


@pytest.fixture
def small(here, monkeypatch):
    """A folder with the data that the pages name, where default models and trainings are tiny."""
    base = FNOConfig(width=4, modes=3, layers=1, projection=4)
    monkeypatch.setattr(experiment, "ModelConfig", functools.partial(ModelConfig, base=base))
    tiny = functools.partial(TrainingConfig, epochs=1, batch=4, warmup_epochs=0, optimiser=AdamW())
    monkeypatch.setattr(experiment, "TrainingConfig", tiny)
    monkeypatch.setattr(experiment, "AUTOMATIC_MODEL", dataclasses.replace(AUTOMATIC_MODEL, base=base))
    monkeypatch.setattr(experiment, "AUTOMATIC_TRAINING", dataclasses.replace(AUTOMATIC_TRAINING, epochs=1))
    (here / "data" / "burgers").mkdir(parents=True)
    for nu in ("0.01", "0.1", "1.0"):
        write_scalar(here / "data" / "burgers" / f"1D_Burgers_Sols_Nu{nu}.hdf5", decaying_waves(float(nu)))
    return here


def decaying_waves(nu: float) -> np.ndarray:
    """Return u[sample, time, x] = sin(2πx + φ) exp(−4 nu t) at 4 times, for 10 phases φ."""
    phase, t, x = np.ogrid[:10, :4, :16]
    return np.sin(2 * np.pi * (x / 16 + phase / 10)) * np.exp(-nu * t)


@pytest.mark.usefixtures("standard_promotion")
@pytest.mark.parametrize(
    "page",
    [
        pytest.param(page, marks=pytest.mark.thorough if page.name in LONG else (), id=page.name)
        for page in RUN
    ],
)
def test_python_blocks_run(page, small):
    if page.name == "export.md":
        pytest.importorskip("flatbuffers")
        (line,) = commands(page)
        assert cli.main(shlex.split(line)[1:]) == 0
    if page.name == "README.md":
        pytest.importorskip("matplotlib")
    namespace = {"__name__": "__main__"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # the figures of a few samples
        for block in blocks(page, "python"):
            exec(compile(block.code, f"{page.name}:{block.line}", "exec"), namespace)
    check = {"README.md": check_readme, "export.md": check_export, "data.md": check_data}
    check |= {"inference.md": check_inference}
    if page.name in check:
        check[page.name](namespace, small)


def check_readme(namespace, folder):
    assert namespace["frames"].shape == (1, 10, 128, 1)
    assert np.isfinite(namespace["slope"])
    assert namespace["slope"] < 0  # viscosity takes energy away
    assert (folder / "runs" / "notebook" / "model" / "weights.safetensors").is_file()
    assert (folder / "runs" / "notebook" / "evaluation" / "error_over_parameter.png").is_file()
    with pytest.warns(cape.out_of_distribution.OutOfDistributionWarning):
        namespace["surrogate"].rollout(namespace["u0"], {"Nu": 40.0}, steps=10)


def check_export(namespace, folder):
    expected = cape.load("burgers1d").rollout(namespace["u0"], {"Nu": jnp.array([0.03, 0.3])}, 10)
    np.testing.assert_allclose(namespace["frames"], expected, atol=1e-5)


def check_inference(namespace, folder):
    low, high = namespace["found"].interval["Nu"][0]
    assert low < 0.02 < high
    assert (folder / "found.json").is_file()


def check_data(namespace, folder):
    assert namespace["part"].resolution == (8,)
    assert {row.kind for row in namespace["report"].evaluation.rows} == {"seen", "interpolated"}


@pytest.mark.parametrize(("page", "line"), [c for c in COMMANDS if c[0] != OWN_TEST])
def test_commands_exist_with_their_options(page, line, parsed, capsys):
    arguments = shlex.split(line)[1:]
    assert cli.main(arguments) == 0, capsys.readouterr().err
    if not {"--list", "--help"} & set(arguments):
        assert parsed == arguments[:1]


def test_the_check_of_commands_finds_mistakes(parsed, capsys):
    assert cli.main(["evaluate", "runs/mine", "--dato", "x", "--out", "y"]) == 2
    assert cli.main(["train", "burgers1d", "model.base:u-nett"]) == 2
    assert parsed == []


def test_every_command_and_every_docs_page_is_shown():
    shown = {shlex.split(line)[1] for line in commands(ROOT / "docs" / "command-line.md")}
    assert shown == set(cli.COMMANDS)
    linked = set(links(ROOT / "README.md"))
    in_readme = {"docs/index.md", "docs/start.md"}  # these pages of the site show parts of it
    assert {f"docs/{page.name}" for page in DOCS.glob("*.md")} - in_readme <= linked


def test_every_page_is_in_the_navigation_of_the_site():
    navigation = (ROOT / "mkdocs.yml").read_text().split("\nnav:\n")[1]
    assert sorted(re.findall(r"- (?:[^:\n]+: )?(\S+\.md)$", navigation, re.MULTILINE)) == sorted(
        name(page) for page in DOCS.rglob("*.md")
    )


def test_the_reference_has_an_entry_for_every_public_name():
    text = "".join(page.read_text() for page in (DOCS / "reference").glob("*.md"))
    entries = re.findall(r"^::: (\S+)$", text, re.MULTILINE)
    assert {f"cape.{public}" for public in cape.__all__} <= set(entries)
    assert len(entries) == len(set(entries))
    for entry in entries:
        assert exists(entry), entry


def test_the_reference_has_an_entry_for_every_registered_part_and_its_contract():
    text = "".join(page.read_text() for page in (DOCS / "reference").glob("*.md"))
    entries = set(re.findall(r"^::: (\S+)$", text, re.MULTILINE))
    for registry in (SOLVERS, CONDITIONINGS, NORMALISATIONS, CURRICULA, SAMPLINGS, OPTIMISERS, TRACKERS):
        for part in (registry.contract, *registry.parts.values()):
            found = f"{part.__module__}.{part.__qualname__}"
            assert found in entries or not found.startswith("cape."), found


def test_every_shipped_surrogate_is_in_the_gallery():
    shown = set(links(DOCS / "gallery.md"))
    for folder in (ROOT / "pretrained").glob("*/config.json"):
        assert any(f"/{folder.parent.name}-" in link for link in shown), folder.parent.name


def test_every_folder_is_on_the_map():
    text = (ROOT / "README.md").read_text()
    rooms = [folder for folder in (ROOT / "cape").iterdir() if (folder / "__init__.py").is_file()]
    top = [
        ROOT / name
        for name in ("benchmarks", "cape", "configs", "datasets", "docs", "pretrained", "solvers", "tests")
    ]
    for folder in [*rooms, *top]:
        assert f"`{folder.relative_to(ROOT)}/`" in text


def test_the_table_of_the_readme_is_a_part_of_the_results():
    def rows(page, mark):
        table = page.read_text().split(mark)[1].split("\n\n")[0]
        return [
            [cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines() if "k |" in line
        ]

    shown = rows(ROOT / "README.md", "| conditioning | parameters |")
    full = rows(ROOT / "docs" / "results.md", "<!-- burgers conditionings -->")
    assert shown == [
        [name, size, re.sub(r" \(.*", "", seen), unseen] for name, size, seen, unseen, *_ in full
    ]

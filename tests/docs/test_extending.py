"""docs/extending.md: every part on the page registers; all of them train, resume, save and load together."""

import importlib
import json
import shlex
import sys

import numpy as np
import pytest
from pages import ROOT, blocks, commands

import cape
from cape.cli import main
from cape.datasets.equations.equation import EQUATIONS
from cape.datasets.readers.reader import READERS
from cape.evaluation.metric import METRICS
from cape.model.conditioning import CONDITIONINGS
from cape.model.normalisation import NORMALISATIONS
from cape.solvers.solver import SOLVERS
from cape.training.curriculum import CURRICULA
from cape.training.optimisers import OPTIMISERS
from cape.training.sampling import SAMPLINGS
from cape.training.tracker import TRACKERS

PAGE = ROOT / "docs" / "extending.md"
PARTS = {
    "A base solver": (SOLVERS, "my-solver"),
    "A conditioning": (CONDITIONINGS, "my-conditioning"),
    "A normalisation": (NORMALISATIONS, "my-normalisation"),
    "A curriculum": (CURRICULA, "my-curriculum"),
    "A sampling": (SAMPLINGS, "my-sampling"),
    "An optimiser": (OPTIMISERS, "my-optimiser"),
    "A tracker": (TRACKERS, "my-tracker"),
    "A metric": (METRICS, "my-metric"),
    "A reader": (READERS, "my-layout"),
    "An equation": (EQUATIONS, "my-equation"),
}
TRAIN = [
    "train",
    "mine.toml",
    "--import",
    "my_package.parts",
    "--out",
    "runs/mine",
    "--quiet",
    "--no-figures",
]
TINY = ["--data.simulation.samples", "8", "--data.simulation.resolution", "16", "--training.epochs", "2"]
TINY += ["--training.batch", "4", "--model.base.width", "4"]


@pytest.fixture
def written(here, monkeypatch):
    """A folder with the page's module and TOML file; what the module registers is forgotten afterwards."""
    parts = [block.code for block in blocks(PAGE, "python") if block.heading in PARTS]
    (here / "my_package").mkdir()
    (here / "my_package" / "__init__.py").touch()
    (here / "my_package" / "parts.py").write_text("\n\n".join(parts))
    (settings,) = blocks(PAGE, "toml")
    (here / "mine.toml").write_text(settings.code)
    monkeypatch.syspath_prepend(here)
    for registry, _ in PARTS.values():
        monkeypatch.setattr(registry, "_parts", dict(registry.parts))
    return here


def test_every_part_registers_under_its_own_name(written):
    known = {heading: set(registry.parts) for heading, (registry, _) in PARTS.items()}
    importlib.import_module("my_package.parts")
    new = {heading: set(registry.parts) - known[heading] for heading, (registry, _) in PARTS.items()}
    assert new == {heading: {name} for heading, (_, name) in PARTS.items()}


def test_the_reader_opens_a_file_together_with_its_neighbour(written):
    mine = importlib.import_module("my_package.parts")
    for nu in (0.03, 0.1):
        np.save(f"run_nu{nu}.npy", np.full((2, 3, 16), nu))
    data = cape.open(written)
    assert type(READERS.find("my-layout")) is mine.NumpyReader
    assert (data.parameter_names, data.samples, data.frames, data.resolution) == (("nu",), 4, 3, (16,))
    np.testing.assert_array_equal(data.read()[:, 0, 0, 0], np.float32([0.03, 0.03, 0.1, 0.1]))


def test_the_equation_decays_as_its_formula_says(written):
    mine = importlib.import_module("my_package.parts")
    x, t = (np.arange(32) + 0.5) / 32, np.array([0.0, 0.5, 1.0])
    u = mine.solve(lambda x: np.sin(2 * np.pi * x)[None], np.array([0.1]), resolution=32, times=t)
    expected = np.exp(-0.1 * (2 * np.pi) ** 2 * t)[:, None] * np.sin(2 * np.pi * x)
    np.testing.assert_allclose(u[0, ..., 0], expected, atol=1e-12)


def test_the_commands_know_the_parts(written, parsed, capsys):
    lines = commands(PAGE)
    for line in lines:
        assert main(shlex.split(line)[1:]) == 0, capsys.readouterr().err
    assert parsed == [line.split()[1] for line in lines]


@pytest.mark.thorough
@pytest.mark.usefixtures("standard_promotion")
def test_all_parts_train_stop_resume_save_and_load_together(written, capsys, monkeypatch):
    mine = importlib.import_module("my_package.parts")
    plan = mine.PowerTransition.plan

    def interrupted(curriculum, progress, transitions):
        if progress > 0:
            raise KeyboardInterrupt
        return plan(curriculum, progress, transitions)

    monkeypatch.setattr(mine.PowerTransition, "plan", interrupted)
    assert main([*TRAIN, *TINY]) == 130  # after the first epoch
    monkeypatch.setattr(mine.PowerTransition, "plan", plan)
    capsys.readouterr()
    assert main([*TRAIN, *TINY]) == 0
    assert "my-metric" in capsys.readouterr().out
    records = (written / "runs/mine/metrics.jsonl").read_text().splitlines()
    assert [json.loads(record)["epoch"] for record in records] == [1, 2]

    losses = (written / "runs/mine/loss.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in losses] == [str(json.loads(record)["step"]) for record in records]

    saved = json.loads((written / "runs/mine/config.json").read_text())
    (shown,) = blocks(PAGE, "json")
    base = json.loads("{" + shown.code + "}")["base"]
    assert saved["model"]["base"] == base | {"width": 4}
    assert saved["training"]["curriculum"]["defined_in"] == "my_package.parts"
    assert saved["model"]["normalisation"] == "my-normalisation"
    assert isinstance(cape.load("runs/mine").config.base, mine.StencilConfig)

    del sys.modules["my_package.parts"]
    for registry, name in PARTS.values():
        registry.parts.pop(name)
    with pytest.raises(ValueError, match="is defined in my_package.parts, which is not imported"):
        cape.load("runs/mine")
    assert "my_package.parts" not in sys.modules

    simulated = ["--parameter", "nu=0.001,0.002", "--samples", "2", "--resolution", "16", "--frames", "6"]
    simulated += ["--t-end", "0.5", "--seed", "1", "--out", "data/heat", "--quiet"]
    assert main(["simulate", "my-equation", "--import", "my_package.parts", *simulated]) == 0
    capsys.readouterr()
    for block in (block for block in blocks(PAGE, "python") if block.heading not in PARTS):
        exec(compile(block.code, f"{PAGE.name}:{block.line}", "exec"), {})
    assert "my-metric" in capsys.readouterr().out

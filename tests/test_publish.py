"""Pretrained folders as users get them: published, found by name, read in spite of everything that can be wrong."""

import dataclasses
import hashlib
import json
import os
import pickle
import re
import stat
import subprocess
import sys
import tomllib
import types
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import cape
from cape import cli
from cape import locate as library
from cape.config import load_json
from cape.data import DataConfig, SimulationConfig, prepare
from cape.datasets.equations.equation import EQUATIONS
from cape.datasets.opening import open_files
from cape.datasets.trajectories import from_arrays
from cape.evaluation import files
from cape.evaluation.evaluate import evaluate
from cape.experiment import Experiment, build, claim, trained_on
from cape.model.config import FNO, Cape, ModelConfig
from cape.pretrained import load, save, summary
from cape.release.model_card import ModelCard
from cape.release.publish import publish, sample_of
from cape.training.fit import TrainingConfig

WAVE = np.sin(2 * np.pi * np.arange(16) / 16).astype(np.float32)[None, :, None]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Folder of a run as `cape train` leaves it, but for the training: the weights are the initial ones."""
    root = tmp_path_factory.mktemp("run")
    simulation = SimulationConfig(
        "advection", ("beta=0.4,1.0,2.0",), samples=10, resolution=16, frames=5, t_end=0.4
    )
    experiment = Experiment(
        data=DataConfig(simulation=simulation, folder=str(root / "data"), held_out=("beta=1.0",)),
        model=ModelConfig(FNO(width=4, modes=3, layers=1, projection=4, kernel=3), Cape(heads=2, width=4)),
        training=TrainingConfig(epochs=2, batch=4),
    )
    data = prepare(experiment.data, progress=False)
    surrogate = build(experiment, data.training)
    claim(experiment, data, root / "run")
    save(surrogate, root / "run" / "model")
    evaluation = evaluate(surrogate.at, data.test, surrogate.problem.training_values, examples=False)
    files.write(evaluation, root / "run" / "evaluation")
    return root / "run"


@pytest.fixture(scope="module")
def published(run, tmp_path_factory):
    """A pretrained folder, not to be changed."""
    return publish(run, tmp_path_factory.mktemp("pretrained") / "waves", progress=False)


@pytest.fixture
def folder(published, tmp_path):
    """A copy of the pretrained folder, to be spoilt."""
    copy = tmp_path / "waves"
    copy.mkdir()
    for file in published.iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    return copy


@pytest.fixture
def shelf(published, monkeypatch):
    """The pretrained folder as the only shipped one."""
    monkeypatch.setattr(library, "shipped", lambda: {"waves": published})


# ---- what is published ---------------------------------------------------------------------------------------


def test_a_published_folder_gives_the_surrogate_of_its_run(run, published):
    ours, theirs = load(published), load(run)
    assert (ours.problem, ours.config) == (theirs.problem, theirs.config)
    np.testing.assert_array_equal(
        ours.rollout(WAVE, {"beta": 0.7}, 3), theirs.rollout(WAVE, {"beta": 0.7}, 3)
    )


def test_a_published_folder_is_complete_and_readable_for_all(published):
    names = {"README.md", "config.json", "sample.hdf5", "split.json", "training.json", "weights.safetensors"}
    assert {file.name for file in published.iterdir()} == names
    assert os.listdir(published.parent) == [published.name]
    umask = os.umask(0o022)
    os.umask(umask)
    assert all(stat.S_IMODE(file.stat().st_mode) == 0o666 & ~umask for file in published.iterdir())


def test_the_card_says_what_was_learnt_from_what(run, published):
    card = (published / "README.md").read_text(encoding="utf-8")
    assert "∂ₜu + β ∂ₓu = 0" in card
    assert "| beta | speed β | dimensionless | 0.4 to 2 | 0.4, 2 |" in card
    assert "for u on [0, 1) (periodic)" in card
    assert "16 points" in card and "a time step of 0.1, rollouts of 4 steps (to t = 0.4)" in card
    assert "Never trained on: beta=1.0" in card and "16 trajectories are trained on" in card
    assert "cape train training.json" in card and "seed 0" in card
    assert f"cape-jax {cape.__version__}" in card and "Apache-2.0" in card
    assert str(run.parent) not in card + (published / "training.json").read_text()
    for row in files.read(run / "evaluation").rows:
        figures = [row.values[name] for name in ("nRMSE", "nRMSE_median", "RMSE", "persistence_nRMSE")]
        shown = " | ".join(f"{figure:.4f}" for figure in figures)
        assert f"| {row.parameters['beta']:.4g} | {row.kind} | 1 | {shown} |" in card


def test_the_program_on_the_card_runs(published, shelf):
    (program,) = re.findall(
        r"```python\n(.*?)```", (published / "README.md").read_text(encoding="utf-8"), re.DOTALL
    )
    names = {}
    exec(program, names)
    assert names["frames"].shape == (3, 4, 16, 1)


def test_what_lies_beside_the_card_repeats_the_data(run, published, tmp_path, monkeypatch):
    experiment, config = (
        load_json(Experiment, file) for file in (published / "training.json", run / "config.json")
    )
    assert dataclasses.replace(experiment, data=config.data) == config
    monkeypatch.chdir(tmp_path)
    training = prepare(experiment.data, progress=False).training
    digest = hashlib.sha256(training.parameters.tobytes() + training.read().tobytes()).hexdigest()
    assert digest in (published / "README.md").read_text(encoding="utf-8")


def test_the_sample_holds_trajectories_that_training_never_saw(published):
    sample, known = open_files(published / "sample.hdf5"), trained_on(published)
    load(published).problem.check_trajectories(sample)
    assert sample.equation == "advection" and sample.frames == 5
    assert sorted(sample.parameters[:, 0]) == [0.4, 1.0, 2.0]
    assert len(known) == 9 and not np.isin(sample.initial_conditions, known).any()


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((40, 11, 128, 1), (24, 11)),
        ((6, 21, 64, 1), (6, 21)),
        ((4, 21, 64, 64, 4), (1, 3)),
        ((2, 4, 256, 256, 4), (1, 2)),
    ],
)
def test_a_sample_is_small(shape, expected):
    data = from_arrays(
        np.zeros(shape, np.float32),
        np.arange(shape[0])[:, None] % 2,
        ("a",),
        channel_names="abcd"[: shape[-1]],
        coordinates=[np.arange(n) for n in shape[2:-1]],
        times=np.arange(shape[1]),
        boundaries=("periodic",) * (len(shape) - 3),
    )
    sample = sample_of(data)
    assert (sample.samples, sample.frames) == expected
    if sample.samples > 1:
        assert np.bincount(sample.parameters[:, 0].astype(int)).tolist() == [sample.samples // 2] * 2


def test_every_equation_explains_itself():
    for equation in EQUATIONS.values():
        assert equation.title and equation.formula and equation.scheme, equation.name
        assert all(parameter.meaning for parameter in equation.parameters), equation.name


# ---- what is not published -----------------------------------------------------------------------------------


def test_what_is_there_is_replaced_only_when_asked(run, folder, tmp_path):
    (folder / "README.md").write_text("old")
    with pytest.raises(FileExistsError, match="is there already; .*--overwrite"):
        publish(run, folder, progress=False)
    assert (folder / "README.md").read_text() == "old"
    publish(run, folder, overwrite=True, progress=False)
    assert "∂ₜu" in (folder / "README.md").read_text(encoding="utf-8")
    (tmp_path / "mine").mkdir()
    with pytest.raises(ValueError, match="is no pretrained folder, .* remove it yourself"):
        publish(run, tmp_path / "mine", overwrite=True)
    assert sorted(os.listdir(tmp_path)) == ["mine", "waves"]


def test_a_publication_that_fails_leaves_nothing(run, tmp_path, monkeypatch):
    def fail(card):
        raise KeyboardInterrupt

    monkeypatch.setattr(ModelCard, "text", property(fail))
    with pytest.raises(KeyboardInterrupt):
        publish(run, tmp_path / "waves", progress=False)
    assert not os.listdir(tmp_path)


def copied(run, to):
    for name in (
        "config.json",
        "model/config.json",
        "model/weights.safetensors",
        "evaluation/evaluation.json",
    ):
        (to / name).parent.mkdir(parents=True, exist_ok=True)
        (to / name).write_bytes((run / name).read_bytes())
    return to


def reseeded(run):
    config = json.loads((run / "config.json").read_text())
    config["data"]["split_seed"] = 5
    (run / "config.json").write_text(json.dumps(config))


def shortened(run):
    file = run / "evaluation" / "evaluation.json"
    content = json.loads(file.read_text())
    file.write_text(json.dumps(content | {"rows": content["rows"][:2]}))


@pytest.mark.parametrize(
    ("spoil", "name", "license", "message"),
    [
        (lambda run: None, "my waves", "MIT", "--out: expected a folder named by letters"),
        (lambda run: None, "waves", "", "--license: expected an SPDX identifier"),
        (lambda run: (run / "model").rename(run / "best"), "waves", "MIT", "expected the folder of a run"),
        (lambda run: (run / "evaluation/evaluation.json").unlink(), "waves", "MIT", "has no evaluation yet"),
        (reseeded, "waves", "MIT", "the data are not those it was trained on: channel_mean is"),
        (shortened, "waves", "MIT", "2 trajectories over 4 steps, expected the 3 that were kept"),
    ],
)
def test_what_cannot_be_published_is_named(run, tmp_path, spoil, name, license, message):
    spoil(copied(run, tmp_path / "run"))
    with pytest.raises(ValueError, match=message):
        publish(tmp_path / "run", tmp_path / name, license=license, progress=False)
    assert os.listdir(tmp_path) == ["run"]


# ---- names ---------------------------------------------------------------------------------------------------


def test_a_shipped_surrogate_is_loaded_by_name(shelf):
    assert cape.load("waves").problem.equation == "advection"


def test_a_folder_comes_before_a_shipped_name(shelf, tmp_path, monkeypatch):
    (tmp_path / "waves").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=r"waves: expected a pretrained folder \(config.json"):
        load("waves")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("wave", "wave: expected a pretrained folder, .* or the name of a shipped surrogate; did you mean 'waves'"),
        ("../waves", "expected a pretrained folder, .* did you mean 'waves'"),
        ("xyz", "known are waves"),
        (__file__, "a file, expected a pretrained folder .* nothing is ever unpickled .* `cape convert FILE"),
        ("hf://waves", "expected hf://OWNER/NAME or hf://OWNER/NAME@REVISION, got 'hf://waves'"),
        ("hf://../waves", "expected hf://OWNER/NAME"),
        ("hf://a/b@../../c", "expected hf://OWNER/NAME"),
    ],
)  # fmt: skip
def test_a_name_of_nothing_is_named(shelf, name, message):
    with pytest.raises(ValueError, match=message):
        load(name)


def test_shipped_ones_are_the_folders_of_pretrained_but_for_unfinished_ones(published, tmp_path, monkeypatch):
    for name in ("b", "a", ".c.12.part", "empty"):
        (tmp_path / "pretrained" / name).mkdir(parents=True)
    for name in ("b", "a", ".c.12.part"):
        (tmp_path / "pretrained" / name / "config.json").write_bytes((published / "config.json").read_bytes())
    monkeypatch.setattr(library.importlib.resources, "files", lambda package: tmp_path / "pretrained")
    assert list(library.shipped()) == ["a", "b"]


def test_every_shipped_surrogate_loads_and_the_wheel_takes_its_files():
    for folder in library.shipped().values():
        load(folder)
    settings = Path(__file__).parents[1] / "pyproject.toml"
    setuptools = tomllib.loads(settings.read_text(encoding="utf-8"))["tool"]["setuptools"]
    assert setuptools["package-data"]["cape.shipped"] == [
        f"*/{pattern}" for pattern in ("*.json", "*.safetensors", "*.md", "*.hdf5")
    ]


def test_a_surrogate_is_fetched_from_a_hub(published, monkeypatch):
    asked = []

    def snapshot_download(repository, **options):
        asked.append((repository, options))
        return str(published)

    monkeypatch.setitem(
        sys.modules, "huggingface_hub", types.SimpleNamespace(snapshot_download=snapshot_download)
    )
    assert load("hf://someone/waves.v2@main").problem.equation == "advection"
    allowed = {"revision": "main", "allow_patterns": ["*.json", "*.safetensors", "*.md", "*.hdf5"]}
    assert asked == [("someone/waves.v2", allowed)]


def test_a_hub_that_cannot_be_reached_is_named(monkeypatch):
    def snapshot_download(repository, **options):
        raise OSError("no\n  route")

    monkeypatch.setitem(
        sys.modules, "huggingface_hub", types.SimpleNamespace(snapshot_download=snapshot_download)
    )
    with pytest.raises(ValueError, match=r"^hf://someone/waves: could not be fetched \(no route\)$"):
        load("hf://someone/waves")
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(
        ImportError, match=r"hf://someone/waves needs huggingface_hub: pip install 'cape-jax\[hub\]'"
    ):
        load("hf://someone/waves")


# ---- folders that are not as they should be ------------------------------------------------------------------


class Bomb:
    def __reduce__(self):
        return (os.mkdir, ("exploded",))


def weights_changed(folder, change, sealed=False):
    file = folder / "weights.safetensors"
    weights = load_file(file)
    change(weights)
    save_file(weights, file)
    if not sealed:
        edited(folder, published={})


def edited(folder, **changes):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | changes))


def changed_problem(folder, **changes):
    edited(folder, problem=json.loads((folder / "config.json").read_text())["problem"] | changes)


BIAS = "conditioned.base.out.bias"


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda f: (f / "config.json").unlink(), "expected a pretrained folder"),
        (lambda f: (f / "config.json").write_bytes(b"\xff\x00"), "config.json: not the config.json of a pretrained"),
        (lambda f: (f / "config.json").write_text("[" * 100_000), "config.json: not the config.json of a pretrained"),
        (lambda f: edited(f, format=3), "format 3, this version of cape reads 2; upgrade cape-jax"),
        (lambda f: edited(f, format=1), "format 1, this version of cape reads 2; train it again"),
        (lambda f: edited(f, model=None), "config.json: expected a table 'model', got None"),
        (lambda f: edited(f, model={"base": {"kind": "os.system"}}), "unknown kind 'os.system'; known are FNO"),
        (lambda f: edited(f, model={"base": {"kind": "FNO", "width": -3}}), "config.json: .*(be built|at least 1)"),
        (lambda f: changed_problem(f, dt="fast"), "config.json: problem: dt: expected float, got 'fast'"),
        (lambda f: changed_problem(f, boundaries=["open"]), "problem: boundary 'open', expected one of"),
        (lambda f: changed_problem(f, channel_std=[0.0]), "channel_std and length must be positive"),
        (lambda f: changed_problem(f, low=[0.1, 0.2]), r"problem: expected 1 entries of low, got \(0.1, 0.2\)"),
        (lambda f: changed_problem(f, channels=["u", "v"]), "problem: expected 2 entries of channel_mean"),
        (lambda f: (f / "weights.safetensors").unlink(), "weights.safetensors: missing; a pretrained"),
        (lambda f: weights_changed(f, lambda w: w[BIAS].fill(1), sealed=True), "not the weights that .* published"),
        (lambda f: weights_changed(f, lambda w: w.pop(BIAS)), "json, of another surrogate; missing cond"),
        (lambda f: weights_changed(f, lambda w: w.update(x=w[BIAS])), "does not match .* unknown x"),
        (
            lambda f: weights_changed(f, lambda w: w.update({BIAS: w[BIAS].astype(np.float64)})),
            r"out.bias: expected float32 \[1\], got float64 \[1\]",
        ),
    ],
)  # fmt: skip
def test_a_folder_that_is_not_as_it_should_be_is_named(folder, spoil, message):
    spoil(folder)
    with pytest.raises(ValueError, match=message):
        load(folder)


@pytest.mark.parametrize("magic", [b"", b"PK\x03\x04"])
def test_nothing_is_ever_unpickled(folder, monkeypatch, magic):
    monkeypatch.chdir(folder)
    edited(folder, published={})
    (folder / "weights.safetensors").write_bytes(magic + pickle.dumps(Bomb()))
    with pytest.raises(
        ValueError, match="a pickled checkpoint, expected safetensors; nothing is ever unpickled"
    ):
        load(folder)
    assert not (folder / "exploded").exists()


def test_an_unfinished_run_has_no_model(tmp_path):
    (tmp_path / "checkpoints").mkdir()
    with pytest.raises(ValueError, match="a run that was never validated, so it has no model yet"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("u0", "parameters", "message"),
    [
        (WAVE, {}, r"expected parameters \('beta',\) for 1 sample"),
        (WAVE, {"Beta": 1.0}, r"expected parameters \('beta',\) for 1 sample\(s\), got \('Beta',\)"),
        (WAVE[..., 0], {"beta": 1.0}, r"expected u \[batch, 1 space axes, 1 channel"),
        (
            np.concatenate([WAVE, WAVE], -1),
            {"beta": 1.0},
            r"1 channel\(s\) \('u',\)\], got shape \(1, 16, 2\)",
        ),
    ],
)
def test_a_rollout_that_does_not_fit_is_named(published, u0, parameters, message):
    with pytest.raises(ValueError, match=message):
        load(published).rollout(u0, parameters, 1)


# ---- the command line, and what loading costs ----------------------------------------------------------------


def test_commands_publish_and_list(run, published, shelf, tmp_path, capsys):
    assert cli.main(["publish", str(run), "--out", str(tmp_path / "waves"), "--license", "MIT"]) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "waves")
    assert "license: mit" in (tmp_path / "waves" / "README.md").read_text(encoding="utf-8")
    assert cli.main(["publish", str(run), "--out", str(tmp_path / "waves")]) == 1
    assert cli.main(["models"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("waves ") and out.strip().endswith(summary(published))
    assert "advection; beta 0.4 to 2; 16 points; 4 steps of 0.1; Cape around FNO; nRMSE seen " in out


def test_loading_imports_no_training(published):
    program = (
        "import sys, cape; assert 'jax' not in sys.modules; cape.load(sys.argv[1]); "
        "print([m for m in ('orbax', 'tyro', 'matplotlib', 'cape.training.fit', 'cape.cli') if m in sys.modules])"
    )
    found = subprocess.run(
        [sys.executable, "-c", program, str(published)], capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == "[]"

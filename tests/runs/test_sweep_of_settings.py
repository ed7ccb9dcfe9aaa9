"""cape sweep: grids of settings, and runs one after another that can be stopped and continued."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from run_folders import write_run

from cape.cli import main
from cape.experiment import Experiment
from cape.runs import sweep as sweep_module
from cape.runs.grid import combinations, read_grid
from cape.runs.sweep import sweep_one
from cape.training.config import TrainingConfig
from cape.training.interruption import Interrupted

SWEEP = ["sweep", "burgers1d", "training.seed=0,1", "--out", "s", "--training.epochs", "3", "--no-figures"]


def test_a_grid_is_read_as_toml_and_text():
    texts = (
        "training.optimiser.learning-rate=1e-3,0.1",
        "model.base=fno,u-net",
        "data.held-out=[],['Nu=1','Nu=2']",
    )
    assert read_grid(texts) == {
        "training.optimiser.learning_rate": (1e-3, 0.1),
        "model.base": ("fno", "u-net"),
        "data.held_out": ([], ["Nu=1", "Nu=2"]),
    }


def test_every_combination_is_an_experiment_with_a_name():
    base = Experiment(training=TrainingConfig(epochs=7))
    found = combinations(
        base, read_grid(["model.base.width=8", "model.base=fno,factorised-fno", "training.seed=3,4"])
    )
    names = ["width=8_base=fno_seed=3", "width=8_base=fno_seed=4", "width=8_base=factorised-fno_seed=3"]
    assert list(found) == [*names, "width=8_base=factorised-fno_seed=4"]
    last = found["width=8_base=factorised-fno_seed=4"]
    assert (type(last.model.base).__name__, last.model.base.width) == ("FactorisedFNOConfig", 8)
    assert (last.training.seed, last.training.epochs) == (4, 7)
    (same,) = combinations(base, read_grid([f"model.base={'fno'}"])).values()
    assert same == base  # a part that is chosen already keeps its settings
    shared = combinations(
        base, read_grid(["training.optimiser.learning_rate=1", "training.warmup.learning_rate=2"])
    )
    assert list(shared) == ["training.optimiser.learning_rate=1_training.warmup.learning_rate=2"]
    assert list(combinations(base, read_grid([f"data.folder={'x' * 200},b"]))) == ["run-0000", "folder=b"]


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ([], "expected settings with the values to try, such as training.seed=0,1,2"),
        (["training.seed="], "expected values, separated by commas"),
        (["training.seed=1,,2"], "expected values, separated by commas"),
        (["training.seed=1,1"], "a value is listed twice"),
        (["training.seed=1", "training.seed=2"], "training.seed is given twice"),
        (["training.sed=1"], "training.sed=1: training: unknown key 'sed'; did you mean 'seed'"),
        (["training.seed.x=1"], "training.seed.x: unknown setting"),
        (["model.bse.width=1"], "model.bse.width: unknown setting"),
        (
            ["training.objective=1"],
            "a group of settings; expected one of them, such as training.objective.gradients",
        ),
        (["training.seed=a"], "training.seed=a: training.seed: expected int, got 'a'"),
        (["model.base=u-net,fn"], "model.base=fn: model.base: unknown type 'fn'; did you mean 'fno'"),
        (["model.base=fno,message-passing", "model.base.modes=8"], "model.base: unknown key 'modes'"),
        (["training.epochs=3,-1"], "training.epochs=-1: training.epochs: expected at least 0, got -1"),
    ],
)
def test_impossible_grids_are_refused(texts, message):
    with pytest.raises(ValueError) as error:
        combinations(Experiment(), read_grid(texts))
    assert message in str(error.value)


@pytest.fixture
def trained(tmp_path, monkeypatch):
    """The names of the runs that were started; a run is written at once, and the seed is its validation error."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", str(tmp_path / "compiled"))
    started = []

    def run(experiment, folder, **options):
        started.append(folder.name)
        error = 0.5 - 0.1 * experiment.training.seed
        write_run(folder, experiment, errors=(error,), epochs=1, evaluated={"seen": error})

    monkeypatch.setattr(sweep_module, "run", run)
    return started


def stop(experiment, folder, **options):
    folder.mkdir()
    (folder / "config.json").touch()
    raise Interrupted("stopped")


def test_a_sweep_runs_all_and_lists_them_by_their_validation_error(trained, capsys):
    assert main(SWEEP) == 0
    assert trained == ["seed=0", "seed=1"]
    *_, head, _, best, other = capsys.readouterr().out.splitlines()
    assert head.startswith("run") and best.startswith("s/seed=1") and other.startswith("s/seed=0")
    recorded = json.loads(Path("s/sweep.json").read_text())
    assert recorded["grid"] == {"training.seed": [0, 1]} and recorded["settings"]["training"]["epochs"] == 3


def test_the_same_command_skips_finished_runs_and_continues(trained, capsys, monkeypatch):
    write = sweep_module.run
    monkeypatch.setattr(
        sweep_module, "run", lambda e, f, **o: (stop if e.training.seed else write)(e, f, **o)
    )
    assert main(SWEEP) == 130

    def continued(experiment, folder, **options):
        (folder / "config.json").unlink()
        folder.rmdir()
        write(experiment, folder, **options)

    monkeypatch.setattr(sweep_module, "run", continued)
    assert main(SWEEP) == 0
    assert trained == ["seed=0", "seed=1"]
    assert "run 1 of 2, seed=0: finished before\nrun 2 of 2, seed=1\n" in capsys.readouterr().out
    assert main([*SWEEP, "--training.checkpoint-minutes", "1"]) == 0 and len(trained) == 2


def test_tasks_of_a_job_array_share_a_sweep_and_each_trains_one_run(trained, capsys):
    assert main([*SWEEP, "--index", "1"]) == 0
    assert trained == ["seed=1"]
    assert "run 1 of 0 to 1, seed=1\n" in capsys.readouterr().out
    with ThreadPoolExecutor() as tasks:  # at the same time
        settings = Experiment(training=TrainingConfig(epochs=3)), {"training.seed": (0, 1)}
        found = tasks.map(lambda index: sweep_one(*settings, index, "t", progress=False), [0, 1])
    assert [folder.name for folder in found] == ["seed=0", "seed=1"]
    assert sorted(trained[1:]) == ["seed=0", "seed=1"]
    assert main([*SWEEP, "--index", "1"]) == 0
    assert "seed=1: finished before" in capsys.readouterr().out
    assert main(SWEEP) == 0  # the others
    assert trained[3:] == ["seed=0"]


def test_a_run_that_a_sweep_does_not_have_and_another_sweep_are_refused(trained, capsys):
    assert main([*SWEEP, "--index", "2"]) == 1
    assert "--index: expected 0 to 1 for 2 runs, got 2" in capsys.readouterr().err
    assert not Path("s").exists()
    assert main([*SWEEP, "--index", "0"]) == 0
    assert main([*SWEEP, "--index", "0", "--training.batch", "8"]) == 1
    assert "holds another sweep (training.batch" in capsys.readouterr().err


def test_a_run_that_fails_is_named_and_the_others_go_on(trained, capsys, monkeypatch):
    write = sweep_module.run

    def run(experiment, folder, **options):
        if experiment.training.seed == 0:
            raise ValueError("no data")
        write(experiment, folder, **options)

    monkeypatch.setattr(sweep_module, "run", run)
    assert main(SWEEP) == 1
    assert trained == ["seed=1"]
    captured = capsys.readouterr()
    assert (
        captured.err.splitlines()[-1] == "cape sweep: failed: seed=0 (no data); the same command tries again"
    )
    assert captured.out.splitlines()[-1].startswith("s/seed=1")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (["training.batch=8,16"], "holds another sweep, over training.seed=0,1; choose another folder"),
        (["--data.samples", "9"], "holds another sweep (data.samples: 0 and 9); choose another folder"),
        (["--training.seed", "3"], "training.seed is given twice: --training.seed and training.seed=..."),
    ],
)
def test_other_sweeps_and_contradictions_are_refused(trained, capsys, changed, message):
    assert main(SWEEP) == 0
    capsys.readouterr()
    assert main([*SWEEP, *changed]) == 1
    assert message in capsys.readouterr().err


def test_folders_of_something_else_and_damaged_sweeps_are_refused(trained, tmp_path, capsys):
    write_run(tmp_path / "s")
    assert main(SWEEP) == 1
    assert "s: holds a run and no sweep; choose another folder" in capsys.readouterr().err
    (tmp_path / "s" / "config.json").unlink()
    assert main(SWEEP) == 1
    assert "s: holds files of something else (metrics.jsonl) and no sweep" in capsys.readouterr().err
    (tmp_path / "s" / "sweep.json").write_text("{}")
    assert main(SWEEP) == 1
    assert "sweep.json: damaged" in capsys.readouterr().err
    assert trained == []

"""Files of the user's own whose data lie outside their folders: refused, and read if they are trusted."""

from pathlib import Path

import h5py
import pytest
from command_line import QUIET, fails

from cape import experiment
from cape.cli import main
from cape.data import prepare


@pytest.fixture
def linked(data, tmp_path) -> str:
    """A folder with the files of the run, whose fields lie in the files of another folder."""
    folder = tmp_path / "linked"
    folder.mkdir()
    for path in Path(data).iterdir():
        with h5py.File(path) as source, h5py.File(folder / path.name, "w") as file:
            file.attrs.update(source.attrs)
            for name in source:
                file[name] = h5py.ExternalLink(str(path), name)
    return str(folder)


def test_inspect_and_evaluate_read_them_if_they_are_trusted(run, linked, tmp_path, capsys):
    line = fails(capsys, "inspect", linked)
    assert "outside the folder of the file" in line and "set trusted" in line
    assert main(["inspect", linked, "--trusted"]) == 0
    evaluate = ["evaluate", run, "--data", linked, "--out", str(tmp_path / "e"), "--no-figures"]
    assert "set trusted" in fails(capsys, *evaluate)
    assert main([*evaluate, "--trusted"]) == 0
    assert (tmp_path / "e" / "evaluation.json").is_file()


def test_a_training_reads_them_if_its_configuration_says_so(tiny, linked, tmp_path, capsys, monkeypatch):
    train = ["train", str(tiny / "tiny.toml"), "--data.files", linked, "--out", str(tmp_path / "run"), *QUIET]
    assert "set trusted" in fails(capsys, *train)
    assert not (tmp_path / "run").exists()
    found = []

    def run(settings, *_, **__):
        found.append(prepare(settings.data).training.samples)
        raise SystemExit(0)

    monkeypatch.setattr(experiment, "run", run)
    assert main([*train, "--data.trusted"]) == 0
    assert found[0] > 0

"""Surrogates by folder, by name and from a hub."""

import sys
import tomllib
import types
from pathlib import Path

import pytest

import cape
from cape import locate
from cape.pretrained import load


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
        (__file__, "a file, expected a pretrained folder .* pickled files are never loaded. `cape convert` makes"),
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
    monkeypatch.setattr(locate.importlib.resources, "files", lambda package: tmp_path / "pretrained")
    assert list(locate.shipped()) == ["a", "b"]


@pytest.mark.thorough
def test_every_shipped_surrogate_loads():
    for folder in locate.shipped().values():
        load(folder)


def test_the_wheel_takes_the_files_of_every_shipped_surrogate():
    settings = Path(__file__).parents[2] / "pyproject.toml"
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


def test_an_unfinished_run_has_no_model(tmp_path):
    (tmp_path / "checkpoints").mkdir()
    with pytest.raises(ValueError, match="the run was never validated, so it has no model yet"):
        load(tmp_path)

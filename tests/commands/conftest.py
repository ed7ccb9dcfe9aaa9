"""A tiny run, its data, and an untrained surrogate of compressible flow, for the tests of commands."""

from pathlib import Path

import h5py
import jax
import pytest
from command_line import QUIET, TINY
from flax import nnx
from small_files import write_compressible

from cape.cli import main
from cape.model.conditionings.film import FiLMConfig
from cape.model.config import ModelConfig
from cape.pretrained import save
from cape.problem import Problem
from cape.solvers.fno import FNOConfig
from cape.surrogate import Surrogate


@pytest.fixture(scope="module", autouse=True)
def as_users_run_it():
    """The usual promotion of dtypes: optax needs it."""
    with jax.numpy_dtype_promotion("standard"):
        yield


@pytest.fixture(scope="session")
def tiny(tmp_path_factory) -> Path:
    """A folder with tiny.toml, its data/ and the run/ trained from it."""
    folder = tmp_path_factory.mktemp("tiny")
    (folder / "tiny.toml").write_text(TINY.format(folder=folder.as_posix()))
    with jax.numpy_dtype_promotion("standard"):
        assert main(["train", str(folder / "tiny.toml"), "--out", str(folder / "run"), *QUIET]) == 0
    return folder


@pytest.fixture
def run(tiny) -> str:
    return str(tiny / "run")


@pytest.fixture
def data(tiny) -> str:
    (folder,) = (tiny / "data").iterdir()
    return str(folder)


@pytest.fixture(scope="module")
def surrogate() -> Surrogate:
    """An untrained surrogate of 1D compressible flow with two parameters, for which no file has to be made."""
    problem = Problem(
        equation="compressible",
        channels=("density", "pressure", "Vx"),
        parameters=("eta", "zeta"),
        boundaries=("periodic",),
        resolution=(16,),
        origin=(1 / 32,),
        length=(1.0,),
        dt=0.05,
        steps=3,
        channel_mean=(1.0, 2.0, 0.0),
        channel_std=(1.0, 1.0, 1.0),
        low=(0.1, 0.1),
        high=(1.0, 1.0),
        values=((0.1, 0.1), (1.0, 1.0)),
    )
    return Surrogate(problem, ModelConfig(FNOConfig(4, 3, 1, 4), FiLMConfig(width=4)), rngs=nnx.Rngs(0))


@pytest.fixture
def flow(surrogate, tmp_path) -> tuple[str, str]:
    """Folder of that surrogate, and a file that goes with it."""
    save(surrogate, tmp_path / "model")
    path = tmp_path / "1D_CFD_periodic.hdf5"
    write_compressible(path, samples=5, points=16, eta=0.3, zeta=0.2)
    with h5py.File(path, "r+") as file:  # fields that a network takes
        for name in ("density", "pressure", "Vx"):
            file[name][...] = file[name][...] / 3000
    return str(tmp_path / "model"), str(path)

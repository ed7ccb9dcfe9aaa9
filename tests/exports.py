"""Surrogates to export, and how exported files are read, for tests."""

import json
import zipfile

import jax
import numpy as np
from flax import nnx

from cape.model.conditionings.cape import CAPEConfig
from cape.model.config import ModelConfig
from cape.problem import Problem
from cape.release.export import METADATA, PROGRAM
from cape.solvers.fno import FNOConfig
from cape.surrogate import Surrogate

SMALL = FNOConfig(width=4, modes=3, layers=1, projection=4, kernel=3)

PARAMETERS = np.array([[0.03], [0.3]], np.float32)


def surrogate_of(*points, base=SMALL, conditioning=None, boundary="periodic", channels=1):
    dimension = len(points)
    problem = Problem(
        equation="burgers",
        channels=("u", "v")[:channels],
        parameters=("Nu",),
        boundaries=(boundary,) * dimension,
        resolution=points,
        origin=tuple(0.5 / n for n in points),
        length=(1.0,) * dimension,
        dt=0.2,
        steps=2,
        channel_mean=(0.3,) * channels,
        channel_std=(2.0,) * channels,
        low=(0.01,),
        high=(1.0,),
    )
    config = ModelConfig(base, conditioning or CAPEConfig(heads=2, width=4))
    return Surrogate(problem, config, rngs=nnx.Rngs(0))


def read(file):
    with zipfile.ZipFile(file) as archive:
        program = jax.export.deserialize(bytearray(archive.read(PROGRAM)))
        return program, json.loads(archive.read(METADATA))


def field(*points, batch=2, channels=1):
    """Random values on every point: what is most sensitive to a wrong mode."""
    return np.random.default_rng(0).standard_normal((batch, *points, channels)).astype(np.float32)


def assert_same(found, expected, tolerance=1e-6):
    assert found.shape == expected.shape
    assert np.linalg.norm(found - expected) <= tolerance * np.linalg.norm(expected)

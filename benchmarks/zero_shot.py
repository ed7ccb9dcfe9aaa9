"""Print errors at parameters outside the trained range, under two public protocols on our simulators.

    python benchmarks/zero_shot.py [diffusion-reaction | navier-stokes] [--seeds 0] [--trajectories 16] [--epochs 12]

The protocols are those of arXiv 2509.24332. A surrogate is trained on sixteen parameter sets from a range. It is tested
on sixteen other sets from the same range and on sixteen sets from outside it, with eight trajectories of each. All
trajectories have different initial conditions. The first ten frames of a trajectory are given, and the others are
predicted; ours uses the last given frame only. nMSE is the squared relative L2 error over all predicted frames and
channels of a trajectory, averaged over trajectories.

The protocols train on 64 trajectories of every set for 500 epochs. The defaults here are reduced to an hour of one CPU
core. Data and runs are kept in --out and used again.
"""

import argparse
import dataclasses
import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from table_text import spread

from cape.datasets.augmentation import Augmentation
from cape.datasets.equations import incompressible
from cape.datasets.equations.equation import Equation, find_equation
from cape.datasets.fields import whole
from cape.datasets.opening import open_files
from cape.datasets.simulate.simulation import simulate
from cape.datasets.stores import MemoryStore
from cape.datasets.trajectories import Trajectories
from cape.experiment import Experiment
from cape.model.arrays import count_weights
from cape.model.conditionings.cape import CAPEConfig
from cape.model.config import ModelConfig
from cape.pretrained import load
from cape.solvers.factorised_fno import FactorisedFNOConfig
from cape.surrogate import Surrogate
from cape.training.build import build
from cape.training.config import TrainingConfig
from cape.training.fit import fit
from cape.training.objective import Objective

SETS, TESTED = 16, 8  # parameter sets, and test trajectories of each
GIVEN = 10  # frames at the beginning of a test trajectory
FIRST = 4  # frame at which training trajectories begin: the frames before it are never predicted in a test
DrawSets = Callable[[np.random.Generator], np.ndarray]  # -> SETS parameter sets [set, parameter]
MODEL = ModelConfig(
    FactorisedFNOConfig(width=32, modes=20),
    CAPEConfig(heads=4, max_displacement=0.0),
    normalisation="channel",
)


@dataclasses.dataclass(frozen=True)
class Protocol:
    """An equation, its parameter sets for training and for the tests in range and outside it, and the model."""

    equation: Equation
    trained: DrawSets
    in_range: DrawSets
    outside: DrawSets
    model: ModelConfig
    training: TrainingConfig


def uniform(*ranges: tuple[float, float], sets: int = SETS) -> DrawSets:
    """Return the function that draws every parameter uniformly from its range."""
    low, high = np.array(ranges).T
    return lambda random: low + (high - low) * random.uniform(size=(sets, len(ranges)))


def diffusion_reaction() -> Protocol:
    """Test diffusivities and a reaction constant above the trained range, for fronts and spots between walls."""
    within = uniform((1e-3, 2e-3), (5e-3, 10e-3), (5e-3, 10e-3))
    return Protocol(
        find_equation("fitzhugh-nagumo"),
        trained=within,
        in_range=within,
        outside=uniform((2e-3, 3e-3), (10e-3, 15e-3), (10e-3, 15e-3)),
        model=MODEL,
        training=TrainingConfig(
            batch=8,
            objective=Objective(per_channel=True, noise=3e-3),
            augmentation=Augmentation(isometries=True),
        ),
    )


def navier_stokes() -> Protocol:
    """Test viscosities below and above the trained ones, for a flow under one force.

    The smallest viscosities are simulated with 128 points per axis, which takes one core 7 s for a trajectory. With 256
    points it would take a minute.
    """
    force = 0.1

    def solve(initial, nu, amplitude, **settings):
        points = min(incompressible.points_for(nu), 128)
        return incompressible.solve(initial, nu, amplitude, points=points, **settings)

    below, above = (uniform(r, (force, force), sets=SETS // 2) for r in ((0.5e-5, 0.8e-5), (1.2e-3, 2e-3)))
    return Protocol(
        dataclasses.replace(find_equation("navier-stokes"), solve=solve),
        trained=lambda _: np.stack([np.linspace(1e-5, 1e-3, SETS), np.full(SETS, force)], -1),
        in_range=uniform((1e-5, 1e-3), (force, force)),
        outside=lambda random: np.concatenate([below(random), above(random)]),
        model=dataclasses.replace(MODEL, position_channels=True),
        training=TrainingConfig(batch=8, augmentation=Augmentation(translate=True)),
    )


PROTOCOLS = {"diffusion-reaction": diffusion_reaction, "navier-stokes": navier_stokes}


def trajectories(equation: Equation, folder: Path, draw: DrawSets, samples: int, seed: int) -> Trajectories:
    """Simulate `samples` trajectories for each of SETS parameter sets, or open them if `folder` has them."""
    for number, values in enumerate(draw(np.random.default_rng(seed))):
        where = folder / f"{number:02}"
        if not list(where.glob("*.hdf5")):
            named = {n: f"{v:.6g}" for n, v in zip(equation.parameter_names, values, strict=True)}
            simulate(equation, where, named, samples, seed=1 + seed * SETS + number)
    return open_files(sorted(folder.iterdir()))


def training_data(known: Trajectories, samples: int) -> tuple[Trajectories, Trajectories]:
    """Split trajectories, from frame FIRST on, into training and validation data.

    The first of the `samples` trajectories of every parameter set is for validation.
    """
    frames = whole(MemoryStore(known.read()[:, FIRST:]))
    known = dataclasses.replace(known, fields=frames, times=known.times[FIRST:])
    validation = np.arange(known.samples) % samples == 0
    return known.select(~validation), known.select(validation)


def test_data(protocol: Protocol, folder: Path, known: Trajectories) -> dict[str, Trajectories]:
    """Return the test trajectories by column of the table.

    If parameters lie on both sides of the trained range, the columns "below" and "above" divide those outside.
    """
    equation = protocol.equation
    outside = trajectories(equation, folder / "outside", protocol.outside, TESTED, 2)
    test = {
        "in range": trajectories(equation, folder / "in-range", protocol.in_range, TESTED, 1),
        "outside": outside,
    }
    below = (outside.parameters < known.parameters.min(0)).any(1)
    if below.any() and not below.all():
        test |= {"below": outside.select(below), "above": outside.select(~below)}
    return test


def trained(
    protocol: Protocol, folder: Path, training: Trajectories, validation: Trajectories, config: TrainingConfig
) -> tuple[Surrogate, float]:
    """Train in `folder`, or load the surrogate if the folder has it; return it and the CPU seconds of its training.

    Raises:
        SystemExit: the folder holds another model.
    """
    seconds = folder / "seconds.json"
    if not seconds.exists():
        started = time.process_time()
        experiment = Experiment(model=protocol.model, training=config)
        fit(build(experiment, training), training, validation, config, folder)
        seconds.write_text(json.dumps(time.process_time() - started))
    surrogate = load(folder)
    if surrogate.config != protocol.model:
        raise SystemExit(f"{folder}: holds a run of another model; choose another --out, or remove it")
    return surrogate, json.loads(seconds.read_text())


def nmse(surrogate: Surrogate, truth: Trajectories) -> tuple[float, float]:
    """Compute the nMSE of the predicted frames: of the surrogate, and of the last given frame repeated."""
    frames = truth.read()
    errors, persistence = [], []
    for some in np.array_split(np.arange(truth.samples), -(-truth.samples // 16)):
        target = frames[some, GIVEN:]
        prediction = surrogate.rollout(frames[some, GIVEN - 1], truth.parameters[some], target.shape[1])
        for found, kept in ((prediction, errors), (frames[some, GIVEN - 1 : GIVEN], persistence)):
            difference = np.square(np.asarray(found) - target).sum((1, 2, 3, 4))
            kept.extend(difference / np.square(target).sum((1, 2, 3, 4)))
    return float(np.mean(errors)), float(np.mean(persistence))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("protocol", choices=PROTOCOLS)
    parser.add_argument("--out", type=Path, default=Path("runs/zero_shot"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument(
        "--trajectories", type=int, default=16, help="training trajectories of each parameter set"
    )
    parser.add_argument("--epochs", type=int, default=12)
    asked = parser.parse_args()

    protocol, out = PROTOCOLS[asked.protocol](), asked.out / asked.protocol
    folder = out / "data" / f"trained-{asked.trajectories}"
    known = trajectories(protocol.equation, folder, protocol.trained, asked.trajectories, 0)
    test = test_data(protocol, out / "data", known)
    training, validation = training_data(known, asked.trajectories)
    errors: dict[str, list[float]] = {name: [] for name in test}
    persistence: dict[str, float] = {}
    seconds = []
    for seed in asked.seeds:
        config = dataclasses.replace(protocol.training, seed=seed, epochs=asked.epochs)
        folder = out / f"cape-{asked.trajectories}-{asked.epochs}-{seed}"
        surrogate, spent = trained(protocol, folder, training, validation, config)
        seconds.append(spent)
        for name, truth in test.items():
            error, persistence[name] = nmse(surrogate, truth)
            errors[name].append(error)

    print(f"| {asked.protocol}, nMSE | parameters | {' | '.join(test)} | CPU s |")
    print("|" + "---|" * (3 + len(test)))
    columns = " | ".join(spread(each) for each in errors.values())
    print(
        f"| CAPE, {asked.trajectories} trajectories a set | {count_weights(surrogate) / 1000:.0f}k | {columns} | "
        f"{np.median(seconds):.0f} |"
    )
    print(f"| last given frame repeated | 0 | {' | '.join(f'{e:.3f}' for e in persistence.values())} | |")


if __name__ == "__main__":
    main()

"""Print errors at parameters outside the trained range under a public protocol, with our simulator of its equation.

    python benchmarks/zero_shot.py [diffusion-reaction | navier-stokes] [--seeds 0] [--trajectories 16] [--epochs 12]

The protocols of arXiv 2509.24332: sixteen sets of parameters from a range are trained on; sixteen
others from the same range and sixteen from outside of it are judged, eight trajectories each, all from initial
conditions of their own. The first ten frames of a trajectory are given, of which ours uses the last, and the others
predicted. nMSE is the squared relative L2 error of all predicted frames and channels of a trajectory, averaged over
trajectories. There, 64 trajectories of every set are trained on for 500 epochs; ours are as many as fit into an hour of
one CPU core. Data and runs are kept in --out and used again.
"""

import argparse
import dataclasses
import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from generalisation import spread

from cape.datasets.equations import incompressible
from cape.datasets.equations.equation import Equation, find_equation
from cape.datasets.fields import whole
from cape.datasets.stores import MemoryStore
from cape.datasets.opening import open_files
from cape.datasets.simulate.simulation import simulate
from cape.datasets.augmentation import Augmentation
from cape.datasets.trajectories import Trajectories
from cape.experiment import Experiment, build
from cape.model.config import Cape, FactorisedFNO, ModelConfig
from cape.pretrained import load
from cape.surrogate import count_parameters
from cape.training.fit import TrainingConfig, fit
from cape.training.objective import Objective

SETS, JUDGED = 16, 8  # sets of parameters, and trajectories judged of each
GIVEN = 10  # frames
FIRST = 4  # frame from which trajectories are trained on: what they start from is never judged
Sets = Callable[[np.random.Generator], np.ndarray]  # SETS sets of parameters [set, parameter], drawn


@dataclasses.dataclass(frozen=True)
class Protocol:
    """An equation, its sets of parameters trained on, in range and outside, and the model that learns them."""

    equation: Equation
    trained: Sets
    in_range: Sets
    outside: Sets
    model: ModelConfig
    training: TrainingConfig


def uniform(*ranges: tuple[float, float], sets: int = SETS) -> Sets:
    """Draw every parameter uniformly from its range."""
    low, high = np.array(ranges).T
    return lambda random: low + (high - low) * random.uniform(size=(sets, len(ranges)))


def diffusion_reaction() -> Protocol:
    """Fronts and spots between walls; diffusivities and reaction up to three times as large as in training."""
    within = uniform((1e-3, 2e-3), (5e-3, 10e-3), (5e-3, 10e-3))
    return Protocol(
        find_equation("fitzhugh-nagumo"),
        trained=within,
        in_range=within,
        outside=uniform((2e-3, 3e-3), (10e-3, 15e-3), (10e-3, 15e-3)),
        model=ModelConfig(FactorisedFNO(width=32, modes=20), Cape(heads=4, reach=0.0), normalise="channel"),
        training=TrainingConfig(
            batch=8,
            objective=Objective(per_channel=True, noise=3e-3),
            augmentation=Augmentation(isometries=True),
        ),
    )


def navier_stokes() -> Protocol:
    """Flow under a force that is the same in all trajectories, at viscosities below and above the trained ones.

    The smallest are simulated with 128 points an axis, which takes 7 s of a core a trajectory; with 256 it would
    be a minute.
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
        model=ModelConfig(
            FactorisedFNO(width=32, modes=20), Cape(heads=4, reach=0.0), normalise="channel", place=True
        ),
        training=TrainingConfig(batch=8, augmentation=Augmentation(translate=True)),
    )


PROTOCOLS = {"diffusion-reaction": diffusion_reaction, "navier-stokes": navier_stokes}


def trajectories(equation: Equation, folder: Path, sets: Sets, samples: int, seed: int) -> Trajectories:
    """Simulate `samples` trajectories at each of SETS sets of parameters, or find them in `folder`."""
    for number, values in enumerate(sets(np.random.default_rng(seed))):
        where = folder / f"{number:02}"
        if not list(where.glob("*.hdf5")):
            named = {n: f"{v:.6g}" for n, v in zip(equation.parameter_names, values, strict=True)}
            simulate(equation, where, named, samples, seed=1 + seed * SETS + number)
    return open_files(sorted(folder.iterdir()))


def sides(truth: Trajectories, known: Trajectories) -> dict[str, Trajectories]:
    """Tell those below the trained range from those above it, where there are both."""
    below = (truth.parameters < known.parameters.min(0)).any(1)
    both = below.any() and not below.all()
    return {"below": truth.select(below), "above": truth.select(~below)} if both else {}


def judge(surrogate, truth: Trajectories) -> tuple[float, float]:
    """Compute the nMSE of the frames that are not given: of the surrogate, and of the last given frame repeated."""
    frames = truth.read()
    errors, still = [], []
    for some in np.array_split(np.arange(truth.samples), -(-truth.samples // 16)):
        target = frames[some, GIVEN:]
        parameters = truth.parameters[some]
        prediction = surrogate.rollout(frames[some, GIVEN - 1], parameters, target.shape[1])
        for found, kept in ((prediction, errors), (frames[some, GIVEN - 1 : GIVEN], still)):
            off = np.square(np.asarray(found) - target).sum((1, 2, 3, 4))
            kept.extend(off / np.square(target).sum((1, 2, 3, 4)))
    return float(np.mean(errors)), float(np.mean(still))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("protocol", choices=PROTOCOLS)
    parser.add_argument("--out", type=Path, default=Path("runs/zero_shot"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--trajectories", type=int, default=16, help="trained on at each set of parameters")
    parser.add_argument("--epochs", type=int, default=12)
    asked = parser.parse_args()

    protocol = PROTOCOLS[asked.protocol]()
    data, equation = asked.out / asked.protocol / "data", protocol.equation
    known = data / f"trained-{asked.trajectories}"
    known = trajectories(equation, known, protocol.trained, asked.trajectories, 0)
    judged = {
        "in range": trajectories(equation, data / "in-range", protocol.in_range, JUDGED, 1),
        "outside": trajectories(equation, data / "outside", protocol.outside, JUDGED, 2),
    }
    judged |= sides(judged["outside"], known)
    frames = whole(MemoryStore(known.read()[:, FIRST:]))
    known = dataclasses.replace(known, fields=frames, times=known.times[FIRST:])
    last = np.arange(known.samples) % asked.trajectories == 0  # one of every set chooses the weights
    training, validation = known.select(~last), known.select(last)
    errors: dict[str, list[float]] = {name: [] for name in judged}
    still: dict[str, float] = {}
    seconds = []
    for seed in asked.seeds:
        config = dataclasses.replace(protocol.training, seed=seed, epochs=asked.epochs)
        folder = asked.out / asked.protocol / f"cape-{asked.trajectories}-{asked.epochs}-{seed}"
        if not (folder / "seconds.json").exists():
            started = time.process_time()
            fit(
                build(Experiment(model=protocol.model, training=config), training),
                training,
                validation,
                config,
                folder,
            )
            (folder / "seconds.json").write_text(json.dumps(time.process_time() - started))
        seconds.append(json.loads((folder / "seconds.json").read_text()))
        surrogate = load(folder)
        if surrogate.config != protocol.model:
            raise SystemExit(f"{folder}: holds a run of another model; choose another --out, or remove it")
        for name, truth in judged.items():
            error, still[name] = judge(surrogate, truth)
            errors[name].append(error)

    print(f"| {asked.protocol}, nMSE | parameters | {' | '.join(judged)} | CPU s |")
    print("|" + "---|" * (3 + len(judged)))
    columns = " | ".join(spread(each) for each in errors.values())
    print(
        f"| CAPE, {asked.trajectories} trajectories a set | {count_parameters(surrogate) / 1000:.0f}k | {columns} | "
        f"{np.median(seconds):.0f} |"
    )
    print(f"| last given frame repeated | 0 | {' | '.join(f'{e:.3f}' for e in still.values())} | |")


if __name__ == "__main__":
    main()

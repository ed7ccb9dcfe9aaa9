"""Updates on one device and on four that share space, in a process of its own: python divided_space.py [CASE ...].

Prints JSON: how far losses and gradients differ, the collectives of the compiled update, and the memory that it needs.
"""

import dataclasses
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from four_devices import collectives_of

from cape.datasets.arrays import in_memory
from cape.datasets.trajectories import Trajectories
from cape.identification.equation import IdentifiedEquation
from cape.identification.terms import Factor, Term
from cape.model.conditioning import ConditioningConfig
from cape.model.conditionings.adagn import AdaGNConfig
from cape.model.conditionings.cape import CAPEConfig
from cape.model.conditionings.channels import ParameterChannelsConfig
from cape.model.conditionings.film import FiLMConfig
from cape.model.config import ModelConfig
from cape.problem import Problem
from cape.solvers.convnext_unet import ConvNextUNetConfig
from cape.solvers.factorised_fno import FactorisedFNOConfig
from cape.solvers.fno import FNOConfig
from cape.solvers.message_passing import MessagePassingConfig
from cape.solvers.solver import SolverConfig
from cape.solvers.unet import UNetConfig
from cape.solvers.warp_unet import WarpUNetConfig
from cape.surrogate import Surrogate
from cape.training.config import TrainingConfig
from cape.training.fit import fit
from cape.training.functional_model import weights_of
from cape.training.inputs import Schedule
from cape.training.log import read
from cape.training.mesh import TRAJECTORIES, MeshConfig, divided
from cape.training.objective import Objective
from cape.training.optimisers import AdamW, OptimiserConfig
from cape.training.phases import plan_phases
from cape.training.update import initial_state, update

FRAMES, SAMPLES = 4, 4
_RATE = 1e3  # so that the change of the weights is their gradient, without rounding by the weights


@dataclasses.dataclass(frozen=True)
class Descent(OptimiserConfig):
    """Gradient descent."""

    def build(self, updates, updates_per_epoch, elementwise=frozenset()):
        return optax.sgd(_RATE)


@dataclasses.dataclass(frozen=True)
class Case:
    base: SolverConfig
    grid: tuple[int, ...]
    conditioning: ConditioningConfig = CAPEConfig(heads=2, width=4)
    normalisation: str = "channel"
    walls: bool = False
    position_channels: bool = False
    equation: bool = False
    batch_parts: int = 1
    members: int = 1
    settings: tuple[tuple[str, Any], ...] = ()


FNO = FNOConfig(width=4, modes=3, layers=2, projection=4)
FNO_LOCAL = FNOConfig(width=4, modes=2, layers=1, projection=4, kernel=3)
FACTORISED = FactorisedFNOConfig(width=4, modes=2, layers=1, projection=4)
U_NET = UNetConfig(features=4, levels=1)
WARPS = WarpUNetConfig(width=1, heads=2, levels=1, coarsening=1, largest=1)
CASES = {
    "fno 2d": Case(FNO, (128, 64)),  # so large that a CPU processes one step at once
    "fno 3d": Case(dataclasses.replace(FNO, layers=1, modes=2), (8, 6, 5)),
    "factorised-fno 2d": Case(FACTORISED, (16, 12)),
    "factorised-fno 3d": Case(FACTORISED, (8, 6, 5)),
    "u-net 2d": Case(U_NET, (16, 8)),
    "u-net 3d": Case(U_NET, (8, 4, 4), FiLMConfig(width=4)),
    "warp-u-net 2d": Case(WARPS, (16, 12)),
    "warp-u-net 3d": Case(WARPS, (16, 4, 4)),
    "warps without bound": Case(dataclasses.replace(WARPS, largest=0), (16, 8), FiLMConfig(width=4)),
    "convnext-u-net": Case(ConvNextUNetConfig(features=4, levels=1, kernel=3), (16, 8), AdaGNConfig(width=4)),
    "message-passing": Case(
        MessagePassingConfig(width=4, layers=2, radius=2), (8, 6), ParameterChannelsConfig()
    ),
    "walls": Case(FNO_LOCAL, (16, 12), normalisation="sample", walls=True, batch_parts=2),
    "positions and equation": Case(FNO_LOCAL, (16, 12), position_channels=True, equation=True),
    "equation between walls": Case(FNO_LOCAL, (16, 12), equation=True, walls=True),
    "members": Case(FNO_LOCAL, (16, 12), members=2),  # on two devices each
    "through time in parts": Case(
        FNO_LOCAL,
        (16, 12),
        batch_parts=2,
        settings=(("objective", Objective(gradients="through_time")), ("accumulate", 2)),
    ),
}


def trajectories(case: Case) -> Trajectories:
    random = np.random.default_rng(0)
    dimension = len(case.grid)
    return in_memory(
        random.normal(size=(SAMPLES, FRAMES, *case.grid, 1)).astype(np.float32),
        random.uniform(1, 2, (SAMPLES, 1)),
        ("nu",),
        channel_names=("u",),
        coordinates=tuple((np.arange(n) + 0.5) / n for n in case.grid),
        times=0.1 * np.arange(FRAMES),
        boundaries=(("wall" if case.walls else "periodic"),) * dimension,
        equation="unknown",
    )


def surrogate_of(case: Case, data: Trajectories) -> Surrogate:
    """Build the surrogate of a case: nu Δu and u u_yy in its equation, if it has one."""
    model = ModelConfig(
        case.base,
        case.conditioning,
        normalisation=case.normalisation,
        position_channels=case.position_channels,
        members=case.members,
    )
    along = [Factor(0, powers) for powers in ((2, 0), (0, 2))]
    terms = (*(Term(0, (each,)) for each in along), Term(0, (Factor(0, (0, 0)), along[1])))
    equation = IdentifiedEquation("squares", terms, ((0.1, 0.3),) * 3, 2, 0.01, (0.1,), 0.5)
    return Surrogate(Problem.of(data), model, equation=equation if case.equation else None, rngs=nnx.Rngs(0))


def updated(case: Case, mesh: MeshConfig) -> dict[str, Any]:
    """Apply an update; return its losses, the gradients, the collectives of its program and its memory."""
    data = trajectories(case)
    surrogate = surrogate_of(case, data)
    config = TrainingConfig(
        batch=SAMPLES, mesh=mesh, optimiser=Descent(), warmup=Descent(), **dict(case.settings)
    )
    phases = plan_phases(surrogate, config, SAMPLES)
    state = phases.training.place_members(
        initial_state(*weights_of(surrogate), phases.training, phases.warm_up)
    )
    before = jax.device_get(state["params"])
    frames = divided(phases.mesh, jnp.asarray(data.read()), TRAJECTORIES)
    p = divided(phases.mesh, jnp.asarray(data.parameters, jnp.float32))
    arguments = (jnp.ones(1, jnp.float32), state, frames, p, Schedule(jnp.int32(2)))
    compiled = update.lower(phases.training, *arguments).compile()
    state, measures = compiled(*arguments)
    after = jax.device_get(state["params"])
    return {
        "losses": np.array([float(loss.mean()) for loss in measures.losses]),
        "gradients": {
            jax.tree_util.keystr(path): (old - new) / _RATE
            for (path, old), new in zip(
                jax.tree_util.tree_leaves_with_path(before), jax.tree.leaves(after), strict=True
            )
        },
        "collectives": collectives_of(compiled),
        "memory": compiled.memory_analysis().temp_size_in_bytes,
    }


def compared(case: Case) -> dict[str, Any]:
    """Compare the update on four devices with that on one."""
    one = updated(case, MeshConfig(batch=1, space=1))
    parts = case.batch_parts, 4 // case.batch_parts // case.members, case.members
    four = updated(case, MeshConfig(*parts))
    largest = max(np.linalg.norm(gradient) for gradient in one["gradients"].values())
    differences = {
        # a gradient that cancels over space, such as that of the last bias, has the rounding errors of a larger one
        name: float(
            np.linalg.norm(four["gradients"][name] - gradient) / max(np.linalg.norm(gradient), 0.01 * largest)
        )
        for name, gradient in one["gradients"].items()
    }
    return {
        "losses": float(abs(four["losses"] - one["losses"]).max() / one["losses"].max()),
        "gradients": differences,
        "collectives": four["collectives"],
        "collectives of one": one["collectives"],
        "memory": four["memory"] / one["memory"],
        "weights": int(sum(gradient.size for gradient in one["gradients"].values())),
    }


def training() -> list[list[float]]:
    """Return the losses and errors of a streamed training on one device, and on all: two for each trajectory."""
    case = CASES["walls"]
    data = trajectories(case)
    found = []
    for mesh in (MeshConfig(batch=1, space=1), MeshConfig()):
        config = TrainingConfig(3, 2, optimiser=AdamW(1e-3), storage="stream", mesh=mesh)
        surrogate = surrogate_of(case, data)
        with tempfile.TemporaryDirectory() as folder:
            fit(surrogate, data, data, config, Path(folder), progress=False)
            records = read(Path(folder) / "metrics.jsonl")
        names = ("loss", "validation_error")
        found.append([record[name] for record in records for name in names if name in record])
    return found + [list(plan_phases(surrogate, config, SAMPLES).mesh.shape.values())]


def main(cases: list[str]) -> None:
    from cape.commands.session import prepare_jax

    prepare_jax()
    jax.config.update("jax_numpy_dtype_promotion", "standard")
    found = {case: training() if case == "training" else compared(CASES[case]) for case in cases}
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1:])

"""What a training costs: weights, memory of a device, and seconds of an update, measured before it starts."""

import time
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from cape.datasets.trajectories import Trajectories
from cape.model.arrays import count_weights
from cape.surrogate import Surrogate
from cape.training.config import TrainingConfig
from cape.training.functional_model import weights_of
from cape.training.inputs import Schedule
from cape.training.mesh import TRAJECTORIES, divided
from cape.training.phases import Phases, plan_phases
from cape.training.time_left import duration
from cape.training.update import initial_state, update

_PARTS = 4  # of the training in which an update is measured, as a curriculum changes its cost


class Cost(NamedTuple):
    """What a training costs.

    Attributes:
        weights: number of trained numbers.
        devices: number of devices that share the work.
        data_bytes: of the training data on each device.
        state_bytes: of the weights and the states of the optimisers on a device.
        update_bytes: that an update needs on a device besides the data and the state.
        compilation: seconds in which the update was compiled.
        update: mean seconds of an update.
        updates: number of updates, the warm-up included.
        settings: those of the memory and the precision, in words.
    """

    weights: int
    devices: int
    data_bytes: int
    state_bytes: int
    update_bytes: int
    compilation: float
    update: float
    updates: int
    settings: str = ""

    def __str__(self) -> str:
        total = self.data_bytes + self.state_bytes + self.update_bytes
        parts = (
            f"training data {_megabytes(self.data_bytes)}, weights and optimiser {_megabytes(self.state_bytes)}, "
            f"an update {_megabytes(self.update_bytes)}"
        )
        lines = {
            "weights": f"{self.weights:,}",
            "memory of a device": f"{_megabytes(total)} ({parts})",
            "memory and precision": self.settings,
            "compiling an update": f"{self.compilation:.1f} s",
            "an update": f"{self.update:.3g} s on {self.devices} device(s), mean over the curriculum",
            f"{self.updates:,} updates": f"{duration(self.update * self.updates)}, and validations and the evaluation",
        }
        return "\n".join(f"{name:<22}{text}" for name, text in lines.items() if text)


def measure_cost(surrogate: Surrogate, training: Trajectories, config: TrainingConfig) -> Cost:
    """Compile the update of a training, apply it to zeros at several points of the curriculum, and measure it.

    Raises:
        ValueError: the devices that are asked for cannot share a batch (see `mesh_for`).
    """
    phases = plan_phases(surrogate, config, training.samples)
    state = initial_state(*weights_of(surrogate), phases.training, phases.warm_up)
    state = phases.training.place_members(state)
    arguments = (_channel_std(surrogate), state, *_zeros(surrogate, training, config, phases))
    began = time.perf_counter()
    compiled = update.lower(
        phases.training, *arguments, _schedule(surrogate, training, config, 0.0)
    ).compile()
    compilation = time.perf_counter() - began
    memory = compiled.memory_analysis()
    std, state, frames, p = arguments
    state_bytes = sum(each.addressable_data(0).nbytes for each in jax.tree.leaves(state))
    seconds = []
    for progress in np.arange(_PARTS) / _PARTS:
        schedule = _schedule(surrogate, training, config, float(progress))
        for _ in range(2):  # the first one may allocate memory
            began = time.perf_counter()
            state, measures = compiled(std, state, frames, p, schedule)
            jax.block_until_ready((state, measures))
        seconds.append(time.perf_counter() - began)
    return Cost(
        weights=count_weights(surrogate),
        devices=phases.training.model.devices,
        data_bytes=_data_bytes(training, phases) if config.storage == "device" else 0,
        state_bytes=state_bytes,
        update_bytes=_needed(memory) - state_bytes,
        compilation=compilation,
        update=sum(seconds) / len(seconds),
        updates=phases.updates,
        settings=describe_settings(config),
    )


def describe_settings(config: TrainingConfig) -> str:
    """Describe what a training does to need less memory or time, or return nothing."""
    parts = [f"a batch in {config.accumulate} parts"] if config.accumulate > 1 else []
    parts += ["matrix products in bfloat16"] if config.products == "bfloat16" else []
    return ", ".join(parts)


def _channel_std(surrogate: Surrogate) -> Any:
    std = jnp.asarray(surrogate.normalisation.channel_std, jnp.float32)
    return jnp.tile(std, surrogate.window.history)


def _zeros(surrogate: Surrogate, training: Trajectories, config: TrainingConfig, phases: Phases) -> Any:
    """Return a batch of zeros: states of the window, and PDE parameters."""
    frames = jnp.zeros((config.batch, *training.fields.shape[1:]), jnp.float32)
    p = jnp.asarray(np.resize(training.parameters, (config.batch, training.parameters.shape[1])), jnp.float32)
    return divided(phases.mesh, surrogate.window.states(frames), TRAJECTORIES), divided(phases.mesh, p)


def _schedule(
    surrogate: Surrogate, training: Trajectories, config: TrainingConfig, progress: float
) -> Schedule:
    """Return the schedule at a point of the training. Pushes are left out, because they need another program."""
    transitions = surrogate.window.transitions(training.frames)
    return Schedule(jnp.int32(config.curriculum.plan(progress, transitions).autoregressive))


def _data_bytes(training: Trajectories, phases: Phases) -> int:
    """Return the bytes of the part of space of all trajectories that a device keeps."""
    return 4 * int(np.prod(training.fields.shape)) // phases.training.model.space_parts


def _needed(memory: Any) -> int:
    """Return the bytes that a compiled program needs on a device while it runs."""
    given = memory.argument_size_in_bytes + memory.output_size_in_bytes - memory.alias_size_in_bytes
    return int(given + memory.temp_size_in_bytes)


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"

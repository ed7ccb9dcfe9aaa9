"""Start a training from the weights of a surrogate: what is kept of it, and which initial conditions it knows."""

import dataclasses
import hashlib

import jax
import jax.numpy as jnp
from flax import nnx

from cape.config import differences
from cape.data import Data
from cape.datasets.initial_conditions import ConditionRecord
from cape.datasets.trajectories import Trajectories
from cape.locate import locate
from cape.model.config import ModelConfig
from cape.pretrained import WEIGHTS, load, read_conditions
from cape.surrogate import Surrogate
from cape.training.automatic import AUTOMATIC_MODEL
from cape.training.config import TrainingConfig
from cape.training.curriculum import Autoregressive
from cape.training.joined_problem import joined_problem
from cape.training.optimisers import Muon

_LEARNING_RATE = 1e-3  # the largest one; larger ones lose what was learnt (benchmarks/fine_tuning.py)


@dataclasses.dataclass(frozen=True)
class StartConfig:
    """The surrogate whose weights a training starts from; none: from random weights.

    Its architecture, the statistics of its normalisation and its identified equation are kept.

    Attributes:
        model: folder of a run or of a pretrained surrogate, the name of a shipped one, or hf://OWNER/NAME; empty: none.
        weights_sha256: SHA-256 of the file of its weights; empty: taken from the file when the training starts.
    """

    model: str = ""
    weights_sha256: str = ""


def settle(start: StartConfig, model: ModelConfig) -> tuple[StartConfig, ModelConfig]:
    """Return a start with the digest of its weights, and its architecture. Reads no data.

    Args:
        model: the architecture that is asked for: that of the start, or `AUTOMATIC_MODEL`.

    Raises:
        ValueError: the surrogate cannot be loaded, its weights have changed, or another architecture is asked for.
    """
    found = load(start.model).config
    with (locate(start.model) / WEIGHTS).open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if start.weights_sha256 not in ("", digest):
        raise ValueError(
            f"start: the weights of {start.model} have changed: SHA-256 {digest[:12]}..., expected "
            f"{start.weights_sha256[:12]}...; give the surrogate that the training was started from"
        )
    if model.normalisation == "auto":
        model = dataclasses.replace(model, normalisation=found.normalisation)
    automatic = dataclasses.replace(AUTOMATIC_MODEL, normalisation=found.normalisation)
    if model not in (found, automatic):
        different = [f"model.{text}" for text in differences(found, model)]
        raise ValueError(
            f"start: {start.model} has another model ({', '.join(different[:3])}); a training from it keeps its "
            "architecture, so leave out the settings of the model"
        )
    return dataclasses.replace(start, weights_sha256=digest), found


def fine_tuning(training: TrainingConfig, *, new_data: bool) -> TrainingConfig:
    """Return the default settings of a training from a trained surrogate, given those of an earlier training.

    There is no warm-up, and rollouts are autoregressive from the first epoch on. The learning rate rises, stays far
    below that of random weights, and decays. For new data, epochs and batch size are left to the package.
    """
    if new_data:
        training = dataclasses.replace(training, epochs=0, batch=0)
    return dataclasses.replace(
        training, warmup_epochs=0, curriculum=Autoregressive(), optimiser=Muon(_LEARNING_RATE)
    )


def open_start(start: StartConfig, training: Trajectories) -> Surrogate:
    """Load the surrogate of a start for training data: its weights, with the parameter range of both trainings.

    Warns:
        OtherResolution: the grid of the data is coarser than that of the start, or finer than its solver permits.

    Raises:
        ValueError: the data do not fit the start (see `joined_problem`), or its weights fit its own grid only.
    """
    origin = load(start.model)
    if origin.adaptation is not None:
        raise ValueError(
            f"start: {start.model} is an adapted surrogate, which is not trained further; give the one that it was "
            "adapted from"
        )
    problem = joined_problem(start.model, origin, training)
    surrogate = Surrogate(problem, origin.config, equation=origin.equation, rngs=nnx.Rngs(0))
    state, weights = nnx.state(surrogate), nnx.state(origin)
    if jax.tree.map(jnp.shape, state) != jax.tree.map(jnp.shape, weights):
        expected, found = (" x ".join(map(str, each.resolution)) for each in (origin.problem, problem))
        raise ValueError(
            f"{training.source}: expected a grid of {expected} points, to which the weights of {start.model} are "
            f"bound, got {found}"
        )
    nnx.update(surrogate, weights)
    surrogate.lineage = origin.lineage
    return surrogate


def record_of_start(start: StartConfig) -> ConditionRecord | None:
    """Return the initial conditions that the start was trained or validated on, or None if there is no start."""
    if not start.model:
        return None
    numbers, record = read_conditions(locate(start.model))
    if record is None and numbers is not None:  # saved before version 0.2
        return ConditionRecord(numbers, "seed", ())
    return record


def record_before(surrogate: Surrogate) -> ConditionRecord | None:
    """Return the initial conditions of the start of a surrogate that was trained, or None if there was no start."""
    return surrogate.condition_record and surrogate.condition_record.earlier


def leave_out_known(data: Data, earlier: ConditionRecord | None) -> Data:
    """Leave out of the test data the initial conditions that the start of a training was trained or validated on.

    Raises:
        ValueError: none is left.
    """
    if earlier is None:
        return data
    new = ~earlier.holds(data.test)
    if not new.any():
        raise ValueError(
            "data.test: the start of the training was trained or validated on every initial condition kept for "
            "evaluation; give data with others, or another split_seed"
        )
    return dataclasses.replace(data, test=data.test.select(new))

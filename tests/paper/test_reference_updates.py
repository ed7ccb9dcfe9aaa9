"""Updates against the published implementation: losses, gradients and weights over a few steps."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from published_arrays import TOLERANCE, assert_equal_gradients, flat, problem_of, read

from cape.model.config import ModelConfig
from cape.paper.adam import PaperAdam
from cape.paper.cape import PaperCAPEConfig
from cape.paper.channels import PaperChannelsConfig
from cape.paper.conversion.weights import load_block, load_surrogate
from cape.paper.fno import PaperFNOConfig
from cape.paper.unconditioned import PaperUnconditionedConfig
from cape.surrogate import Surrogate
from cape.training.functional_model import FunctionalModel
from cape.training.inputs import Schedule
from cape.training.objective import Objective
from cape.training.update import UpdateSettings, initial_state, update, warm_up_update

PAPER = PaperAdam(learning_rate=3e-3, weight_decay=1e-4)
TRACES = {  # the base and the conditional baseline have no CAPE block, so no auxiliary loss
    "trainstep_base_fno1d_tf": ModelConfig(
        PaperFNOConfig(width=36), PaperUnconditionedConfig(), normalisation="off"
    ),
    "trainstep_cape_fno1d_crc": ModelConfig(PaperFNOConfig(width=20), PaperCAPEConfig(), normalisation="off"),
    "trainstep_cape_fno1d_warmup": ModelConfig(
        PaperFNOConfig(width=20), PaperCAPEConfig(), normalisation="off"
    ),
    "trainstep_cond_fno1d_crc": ModelConfig(
        PaperFNOConfig(width=36), PaperChannelsConfig(), normalisation="off"
    ),
}


@pytest.mark.usefixtures("standard_promotion")
@pytest.mark.thorough
@pytest.mark.parametrize("name", TRACES)
def test_updates_equal_the_published_ones(reference, name):
    arrays = read(reference, name)
    meta = json.loads(str(arrays["meta"]))
    frames = jnp.asarray(np.moveaxis(arrays["yy"], -2, 1))  # [batch, time, x, channel]
    p, channel_std = jnp.asarray(arrays["param"]), jnp.ones(1)
    objective = Objective(auxiliary=meta["PrmEmb_coeff"], auxiliary_accumulates=True, noise=0.0, floor=0.0)
    schedule = Schedule(jnp.int32(meta["t_ar"]), jnp.int32(0))
    surrogate = Surrogate(problem_of(1, 128, 1, 1, origin=1 / 2048), TRACES[name], rngs=nnx.Rngs(0))

    def trained(prefix):
        if meta["warmup"]:
            return flat(load_block(nnx.clone(surrogate.conditioning.block), arrays, f"{prefix}PrmEmb_Pre.0."))
        return flat(load_surrogate(nnx.clone(surrogate), arrays, prefix))

    graphdef, params, model_state = nnx.split(load_surrogate(surrogate, arrays, "sd0."), nnx.Param, ...)
    settings = UpdateSettings(
        FunctionalModel(graphdef),
        objective,
        PAPER,
        updates=100,
        updates_per_epoch=100,
        seed=0,
        first_guess=surrogate.conditioning.first_guess_modules,
    )
    before = trained("sd0.")
    params, model_state = nnx.to_pure_dict(params), nnx.to_pure_dict(model_state)
    state = initial_state(params, model_state, settings, settings)
    for step in range(meta["nsteps"]):
        if meta["warmup"]:
            state, (losses, *_) = warm_up_update(settings, channel_std, state, frames, p, schedule)
        else:
            state, (losses, *_) = update(settings, channel_std, state, frames, p, schedule)
            assert float(losses.total) == pytest.approx(arrays["losses"][step], rel=TOLERANCE)
        assert float(losses.auxiliary) == pytest.approx(arrays["aux_losses"][step], rel=TOLERANCE)
        moments = state["warm_up" if meta["warmup"] else "optimiser"][1].mu
        moments = moments["block"] if meta["warmup"] else moments
        weights = state["params"]["conditioning"]["block"] if meta["warmup"] else state["params"]
        moments, weights = dotted(moments), dotted(weights)
        if step == 0:  # the first moment is a tenth of the gradient, weight decay included
            gradients = {k: moments[k] / 0.1 - PAPER.weight_decay * before[k] for k in moments}
            # the published gradients of the attention are up to 1.7e-4 from what this code gives in float64, its
            # own float32 ones below 1e-6: sums over all points and steps that nearly cancel
            assert_equal_gradients(
                gradients, trained("g0."), 3e-4 if name == "trainstep_cape_fno1d_crc" else TOLERANCE
            )
        if step + 1 in (1, 3):
            assert_equal_weights(weights, trained(f"sd{step + 1}."))
    if meta["warmup"]:
        jax.tree.map(
            np.testing.assert_array_equal,
            params["conditioning"]["base"],
            state["params"]["conditioning"]["base"],
        )


def dotted(tree):
    return {".".join(str(k.key) for k in path): np.asarray(v) for path, v in jax.tree.leaves_with_path(tree)}


def assert_equal_weights(ours, theirs):
    """Compare weights after a few updates.

    Adam moves every weight by about the learning rate, however small its gradient; where that is no more than
    round-off, the update has a random size. So one of a thousand weights may be off by a tenth of one update;
    all others agree to a thousandth of one. A bias that a LayerNorm takes away again has nothing but round-off
    for a gradient, and no output depends on it: left out.
    """
    assert ours.keys() == theirs.keys()
    compared = [name for name in ours if not name.endswith("last.bias")]
    apart = np.concatenate([np.abs(ours[name] - theirs[name]).ravel() for name in compared])
    apart /= PAPER.learning_rate
    assert apart.max() < 0.1
    assert (apart > 1e-3).mean() < 1e-3

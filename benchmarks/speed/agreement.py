"""The agreement of our published form with the PyTorch contender: losses and gradients from the same weights."""

from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np
import torch
from flax import nnx
from speed import contender, ours
from speed.cases import Case
from torch import nn

from cape.surrogate import Surrogate
from cape.training.functional_model import FunctionalModel
from cape.training.inputs import Schedule, UpdateInput
from cape.training.objective import value_and_gradient


def largest_difference(case: Case, autoregressive: int) -> dict[str, float]:
    """Compute max|a − b| / max|b| of the loss and of the gradients, for one evaluation without noise.

    The U-Net's batch normalisation averages over the samples that are processed together: those of one step in PyTorch,
    those of several steps in ours. The two agree for trajectories of one step.
    """
    surrogate = Surrogate(ours.problem(case), ours.model_config(case, "paper"), rngs=nnx.Rngs(0))
    surrogate.train()
    graphdef, params, model_state = nnx.split(surrogate, nnx.Param, ...)
    params, model_state = nnx.to_pure_dict(params), nnx.to_pure_dict(model_state)
    u, p = case.data()
    model = contender.build(
        case.base, case.cape, case.channels, case.parameters, case.resolution, case.size, case.origin
    )
    model.load_state_dict(weights(model, ours.dotted(params)), strict=False)
    frames, parameters = torch.from_numpy(u).movedim(-1, 2).contiguous(), torch.from_numpy(p)
    loss = contender.trajectory_loss(model, frames, parameters, autoregressive, noise=0.0)
    loss.backward()

    given = UpdateInput(
        frames=jnp.moveaxis(jnp.asarray(u), 1, 0),
        parameters=jnp.asarray(p),
        schedule=Schedule(jnp.int32(autoregressive), jnp.int32(0)),
        key=jax.random.key(0),
        channel_std=jnp.ones(case.channels),
    )
    objective = ours.objective("paper", noise=0.0)
    arguments = (objective, FunctionalModel(graphdef), params, model_state, given)
    losses, _, gradient = jax.jit(lambda: value_and_gradient(*arguments))()
    expected = weights(model, ours.dotted(gradient))
    difference = {"loss": abs(float(losses.total) - loss.item()) / loss.item(), "gradient": 0.0}
    for name, parameter in model.named_parameters():
        if name == "block.last.bias":  # the normalisation after it removes it: its gradient is rounding error
            continue
        found, want = parameter.grad.numpy(), expected[name].numpy()
        difference["gradient"] = max(
            difference["gradient"], float(np.abs(found - want).max() / np.abs(found).max())
        )
    return difference


def weights(model: contender.Conditioned, ours: Mapping[str, np.ndarray]) -> dict[str, torch.Tensor]:
    """Convert our weights (or gradients), by dotted names, to the names and layouts of a PyTorch model."""
    return {
        f"{path}.{name}" if path else name: torch.from_numpy(np.array(array))
        for path, module in model.named_modules()
        for name, array in _arrays(
            module, {k[len(path) + 1 :]: v for k, v in ours.items() if k.startswith(path + ".")}
        )
    }


def _arrays(module: nn.Module, ours: Mapping[str, np.ndarray]) -> list[tuple[str, np.ndarray]]:
    """List the parameters of a module, without those of the modules inside it, from ours [*kernel, in, out]."""
    bias = [("bias", ours["bias"])] if "bias" in ours else []
    if isinstance(module, contender.Spectral):
        whole = np.moveaxis(ours["real"] + 1j * ours["imaginary"], (-2, -1), (0, 1)).astype(np.complex64)
        blocks = (whole[(slice(None), slice(None), *corner)] for corner in module.corners)
        return [(f"blocks.{i}", block) for i, block in enumerate(blocks)]
    if isinstance(module, contender.CAPEBlock):
        return [(name, ours[name]) for name in ("norm_weight", "norm_bias")]
    if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d):
        return [("weight", ours["scale"]), *bias]
    if isinstance(module, nn.ConvTranspose1d | nn.ConvTranspose2d | nn.ConvTranspose3d):
        return [("weight", np.moveaxis(ours["weight"], (-2, -1), (0, 1))), *bias]
    if isinstance(module, nn.Linear):
        return [("weight", ours["weight"].T), *bias]
    if isinstance(module, nn.Conv1d | nn.Conv2d | nn.Conv3d):
        weight = ours["weight"]
        if module.groups > 1:  # ours [*kernel, out]
            return [("weight", np.moveaxis(weight, -1, 0)[:, None])]
        if weight.ndim == 2:  # 1x1, ours [in, out]
            return [("weight", weight.T.reshape(module.weight.shape)), *bias]
        return [("weight", np.moveaxis(weight, (-1, -2), (0, 1))), *bias]
    return []

"""Whether ours in the published form and the contender compute the same losses and gradients."""

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
from cape.training.objective import Model, Schedule, value_and_gradient


def largest_difference(case: Case, feedback: int) -> dict[str, float]:
    """Compare one evaluation without noise from the same weights: max|a − b| / max|b| of loss and gradients.

    The U-Net's batch normalisation sees all samples that are taken together, in PyTorch those of one step, in ours
    those of several: they agree for trajectories of one step.
    """
    surrogate = Surrogate(ours.problem(case), ours.model_config(case, "paper"), rngs=nnx.Rngs(0))
    surrogate.train()
    graphdef, params, rest = nnx.split(surrogate, nnx.Param, ...)
    params, rest = nnx.to_pure_dict(params), nnx.to_pure_dict(rest)
    u, p = case.data()
    model = contender.build(
        case.base, case.cape, case.channels, case.parameters, case.resolution, case.size, case.origin
    )
    model.load_state_dict(weights(model, ours.dotted(params)), strict=False)
    frames, parameters = torch.from_numpy(u).movedim(-1, 2).contiguous(), torch.from_numpy(p)
    loss = contender.trajectory_loss(model, frames, parameters, feedback, noise=0.0)
    loss.backward()

    objective, key = ours.objective("paper", noise=0.0), jax.random.key(0)
    schedule, scale = Schedule(jnp.int32(feedback), jnp.int32(0)), jnp.ones(case.channels)
    time_major = jnp.moveaxis(jnp.asarray(u), 1, 0)
    arguments = (objective, Model(graphdef), params, rest, time_major, jnp.asarray(p), schedule, key, scale)
    losses, _, gradient = jax.jit(lambda: value_and_gradient(*arguments))()
    expected = weights(model, ours.dotted(gradient))
    difference = {"loss": abs(float(losses.total) - loss.item()) / loss.item(), "gradient": 0.0}
    for name, parameter in model.named_parameters():
        if name == "block.last.bias":  # the normalisation behind it takes it away: nothing but round-off
            continue
        found, want = parameter.grad.numpy(), expected[name].numpy()
        difference["gradient"] = max(
            difference["gradient"], float(np.abs(found - want).max() / np.abs(found).max())
        )
    return difference


def weights(model: contender.Conditioned, ours: Mapping[str, np.ndarray]) -> dict[str, torch.Tensor]:
    """Bring weights (or gradients) of ours, under dotted names, to this model's names and layouts."""
    return {
        f"{path}.{name}" if path else name: torch.from_numpy(np.array(array))
        for path, module in model.named_modules()
        for name, array in _own(
            module, {k[len(path) + 1 :]: v for k, v in ours.items() if k.startswith(path + ".")}
        )
    }


def _own(module: nn.Module, ours: Mapping[str, np.ndarray]) -> list[tuple[str, np.ndarray]]:
    """List the parameters that a module itself holds, from ours [*kernel, in, out]."""
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

"""The architecture of published weights, inferred from the names and shapes of their tensors."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from cape.model.config import Channels, ModelConfig, PaperCape, PaperFNO, PaperUNet, Unaware
from cape.problem import Problem

BLOCK = "PrmEmb_Pre.0."


@dataclasses.dataclass(frozen=True)
class Architecture:
    """What the names and shapes of published weights tell.

    Attributes:
        base: the base solver.
        dimension: number of space axes.
        inputs: channels the base solver takes, grid coordinates not counted.
        cape: the CAPE block around it, if there is one; the rest is known only then:
        channels, parameters: how many fields and PDE parameters there are.
        resolution: the grid the block is tied to.
    """

    base: PaperFNO | PaperUNet
    dimension: int
    inputs: int
    cape: PaperCape | None = None
    channels: int = 0
    parameters: int = 0
    resolution: tuple[int, ...] = ()

    @classmethod
    def of(cls, tensors: Mapping[str, np.ndarray]) -> "Architecture":
        """Infer the architecture from weights named as by `uniform_names`."""
        infer = _fno if "model.fc0.weight" in tensors else _unet
        base, dimension, inputs = infer(tensors)
        if "mix_emb.weight" not in tensors and BLOCK + "CNN_0.weight" not in tensors:
            return cls(base, dimension, inputs)
        first = tensors[BLOCK + "CNN_0.weight"]
        cape = PaperCape(
            widening=len(tensors[BLOCK + "CNN_1.weight"]),
            kernel=_equal("kernel sizes", first.shape[2:]),
            modes=_equal("modes", tensors[BLOCK + "CNN_SC.weights1"].shape[2:]),
            pointwise_output=BLOCK + "CNN_2.bias" in tensors,
        )
        parameters = tensors[BLOCK + "fc0a.weight"].shape[1]
        resolution = tensors[BLOCK + "LN.weight"].shape
        return cls(base, dimension, inputs, cape, first.shape[1], parameters, resolution)

    def config(self, problem: Problem) -> ModelConfig:
        """Choose the conditioning that fits the problem's channels and parameters.

        Raises:
            ValueError: none does.
        """
        channels, parameters = len(problem.channels), len(problem.parameters)
        if self.cape is not None:
            found = (problem.resolution, channels, parameters)
            if found != (self.resolution, self.channels, self.parameters):
                raise ValueError(
                    f"the weights are for {_grid(self.resolution)} points, {self.channels} channel(s) and "
                    f"{self.parameters} parameter(s), got {_grid(problem.resolution)} points, the channels "
                    f"{problem.channels} and the parameters {problem.parameters}"
                )
            return ModelConfig(self.base, self.cape, normalise="off", conserve=False)
        if self.inputs == channels:
            return ModelConfig(self.base, Unaware(residual=False), normalise="off", conserve=False)
        if self.inputs == channels + parameters:
            return ModelConfig(self.base, Channels(residual=False), normalise="off", conserve=False)
        raise ValueError(
            f"the base solver takes {self.inputs} channels; expected {channels} (channels {problem.channels}) or "
            f"{channels + parameters} (with the parameters {problem.parameters}); several frames as input are not "
            "supported"
        )


def _fno(tensors: Mapping[str, np.ndarray]) -> tuple[PaperFNO, int, int]:
    """Return base solver, dimension and inputs."""
    spectral = tensors["model.conv0.weights1"]
    dimension = spectral.ndim - 2
    width, inputs = tensors["model.fc0.weight"].shape
    base = PaperFNO(
        width=width,
        modes=_equal("modes", spectral.shape[2:]),
        layers=_count(tensors, "model.conv{}.weights1", 0),
        projection=len(tensors["model.fc1.weight"]),
    )
    return base, dimension, inputs - dimension


def _unet(tensors: Mapping[str, np.ndarray]) -> tuple[PaperUNet, int, int]:
    if "model.encoder1.enc1norm1.running_mean" not in tensors:
        raise ValueError("the running statistics of the U-Net's batch norms are missing")
    features, inputs, *kernel = tensors["model.encoder1.enc1conv1.weight"].shape
    levels = _count(tensors, "model.encoder{0}.enc{0}conv1.weight", 1)
    return PaperUNet(features=features, levels=levels), len(kernel), inputs


def _count(tensors: Mapping[str, np.ndarray], name: str, first: int) -> int:
    number = first
    while name.format(number) in tensors:
        number += 1
    return number - first


def _equal(what: str, sizes: Sequence[int]) -> int:
    if len(set(sizes)) != 1:
        raise ValueError(f"expected the same {what} on every axis, got {_grid(sizes)}")
    return int(sizes[0])


def _grid(sizes: Sequence[int]) -> str:
    return " x ".join(map(str, sizes))

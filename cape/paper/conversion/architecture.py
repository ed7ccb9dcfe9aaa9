"""The architecture of published weights, inferred from the names and shapes of the tensors."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from cape.model.conditioning import ConditioningConfig
from cape.model.config import ModelConfig
from cape.paper.cape import PaperCAPEConfig
from cape.paper.channels import PaperChannelsConfig
from cape.paper.fno import PaperFNOConfig
from cape.paper.unconditioned import PaperUnconditionedConfig
from cape.paper.unet import PaperUNetConfig
from cape.problem import Problem

BLOCK = "PrmEmb_Pre.0."


@dataclasses.dataclass(frozen=True)
class Architecture:
    """The architecture and sizes that the names and shapes of published weights contain.

    Attributes:
        base: the base solver.
        dimension: number of space axes.
        inputs: input channels of the base solver, without grid coordinates.
        cape: the CAPE block around it, or None.
        channels: number of fields; known only with a CAPE block, else 0.
        parameters: number of PDE parameters; likewise.
        resolution: the grid of the CAPE block; likewise.
    """

    base: PaperFNOConfig | PaperUNetConfig
    dimension: int
    inputs: int
    cape: PaperCAPEConfig | None = None
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
        cape = PaperCAPEConfig(
            widening=len(tensors[BLOCK + "CNN_1.weight"]),
            kernel=_equal("kernel sizes", first.shape[2:]),
            modes=_equal("modes", tensors[BLOCK + "CNN_SC.weights1"].shape[2:]),
            pointwise_output=BLOCK + "CNN_2.bias" in tensors,
        )
        parameters = tensors[BLOCK + "fc0a.weight"].shape[1]
        resolution = tensors[BLOCK + "LN.weight"].shape
        return cls(base, dimension, inputs, cape, first.shape[1], parameters, resolution)

    def config(self, problem: Problem) -> ModelConfig:
        """Return the model configuration; the conditioning follows from the problem's channels and parameters.

        Raises:
            ValueError: the weights do not fit the problem.
        """
        return ModelConfig(self.base, self._conditioning(problem), normalisation="off", conserve=False)

    def _conditioning(self, problem: Problem) -> ConditioningConfig:
        """Return the conditioning whose number of input channels is that of the weights."""
        channels, parameters = len(problem.channels), len(problem.parameters)
        if self.cape is not None:
            found = (problem.resolution, channels, parameters)
            if found != (self.resolution, self.channels, self.parameters):
                raise ValueError(
                    f"the weights are for {_grid(self.resolution)} points, {self.channels} channel(s) and "
                    f"{self.parameters} parameter(s), got {_grid(problem.resolution)} points, the channels "
                    f"{problem.channels} and the parameters {problem.parameters}"
                )
            return self.cape
        if self.inputs == channels:
            return PaperUnconditionedConfig()
        if self.inputs == channels + parameters:
            return PaperChannelsConfig()
        raise ValueError(
            f"the base solver takes {self.inputs} channels; expected {channels} (channels {problem.channels}) or "
            f"{channels + parameters} (with the parameters {problem.parameters}); several frames as input are not "
            "supported"
        )


def _fno(tensors: Mapping[str, np.ndarray]) -> tuple[PaperFNOConfig, int, int]:
    """Infer (base solver, dimension, inputs) from the weights of an FNO."""
    spectral = tensors["model.conv0.weights1"]
    dimension = spectral.ndim - 2
    width, inputs = tensors["model.fc0.weight"].shape
    base = PaperFNOConfig(
        width=width,
        modes=_equal("modes", spectral.shape[2:]),
        layers=_count(tensors, "model.conv{}.weights1", 0),
        projection=len(tensors["model.fc1.weight"]),
    )
    return base, dimension, inputs - dimension


def _unet(tensors: Mapping[str, np.ndarray]) -> tuple[PaperUNetConfig, int, int]:
    """Infer (base solver, dimension, inputs) from the weights of a U-Net."""
    if "model.encoder1.enc1norm1.running_mean" not in tensors:
        raise ValueError("the running statistics of the U-Net's batch norms are missing")
    features, inputs, *kernel = tensors["model.encoder1.enc1conv1.weight"].shape
    levels = _count(tensors, "model.encoder{0}.enc{0}conv1.weight", 1)
    return PaperUNetConfig(features=features, levels=levels), len(kernel), inputs


def _count(tensors: Mapping[str, np.ndarray], name: str, first: int) -> int:
    """Count the layers whose names are `name` with consecutive numbers."""
    number = first
    while name.format(number) in tensors:
        number += 1
    return number - first


def _equal(what: str, sizes: Sequence[int]) -> int:
    """Return the size that all axes share."""
    if len(set(sizes)) != 1:
        raise ValueError(f"expected the same {what} on every axis, got {_grid(sizes)}")
    return int(sizes[0])


def _grid(sizes: Sequence[int]) -> str:
    return " x ".join(map(str, sizes))

"""Weights and descriptions that cannot be converted: every error names what is wrong."""

import numpy as np
import pytest
from published_weights import GIVEN, fno, surrogate_of, tensors, unet, wrapped

from cape.paper.conversion.convert import as_surrogate
from cape.paper.conversion.described_problem import GivenProblem
from cape.paper.conversion.torch_checkpoint import uniform_names


def without(shapes, *names):
    return {name: shape for name, shape in shapes.items() if name not in names}


@pytest.mark.parametrize(
    ("shapes", "changes", "message"),
    [
        (fno(), {"dt": 0.0, "steps": 0, "origin": ()}, "do not contain dt, steps, origin: give them"),
        (wrapped(unet(2)), {"parameters": {"Nu": ()}}, "do not contain parameters"),
        (fno(inputs=10), {}, "takes 10 channels; expected 1 .* or 2 .*several frames"),
        (fno(), {"resolution": (16, 16)}, "expected 1 entries of resolution"),
        (fno(), {"boundaries": ("open",)}, "boundary 'open', expected one of"),
        (unet(levels=2), {"resolution": (18,)}, "divisible by 2"),
        (wrapped(fno(2), grid=(32,)), {}, "weights are for 32 points, .* got 16 points"),
        (wrapped(fno(2), parameters=2), {}, "2 parameter.s., got .*the parameters .'Nu'"),
        (fno() | {"extra.weight": (2,)}, {}, "of no known architecture: model.extra.weight"),
        (wrapped(fno(2)) | {"PrmEmb_Pre.1.CNN_0.weight": (2,)}, {}, "known architecture: PrmEmb_Pre.1.CNN_0"),
        (without(fno(), "w1.bias"), {}, "the tensor 'model.w1.bias' is missing"),
        (without(wrapped(fno(2)), "mix_emb.weight"), {}, "tensor 'mix_emb.weight' is missing"),
        (without(unet(), "encoder1.enc1norm1.running_mean"), {}, "running statistics .* are missing"),
        (fno() | {"conv1.weights1": (3, 3, 4)}, {}, "model.conv1: expected the shape"),
        (fno(modes=(2, 3)), {}, "same modes on every axis, got 2 x 3"),
    ],
)
def test_weights_and_descriptions_that_do_not_fit_are_named(shapes, changes, message):
    given = GivenProblem(**{**{f: getattr(GIVEN, f) for f in GIVEN.__dataclass_fields__}, **changes})
    with pytest.raises(ValueError, match=message):
        surrogate_of(shapes, given)


def test_weights_that_are_not_finite_are_named():
    arrays = uniform_names(tensors(fno()))
    arrays["model.fc1.bias"][2] = np.nan
    with pytest.raises(ValueError, match=r"NaN or infinity in model\.fc1\.bias"):
        as_surrogate(arrays, GIVEN)

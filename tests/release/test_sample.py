"""Samples of pretrained folders."""

import numpy as np
import pytest

from cape.datasets.arrays import in_memory
from cape.release.sample import choose_sample


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((40, 11, 128, 1), (24, 11)),
        ((6, 21, 64, 1), (6, 21)),
        ((4, 21, 64, 64, 4), (1, 3)),
        ((2, 4, 256, 256, 4), (1, 2)),
    ],
)
def test_a_sample_is_small(shape, expected):
    data = in_memory(
        np.zeros(shape, np.float32),
        np.arange(shape[0])[:, None] % 2,
        ("a",),
        channel_names="abcd"[: shape[-1]],
        coordinates=[np.arange(n) for n in shape[2:-1]],
        times=np.arange(shape[1]),
        boundaries=("periodic",) * (len(shape) - 3),
    )
    sample = choose_sample(data)
    assert (sample.samples, sample.frames) == expected
    if sample.samples > 1:
        assert np.bincount(sample.parameters[:, 0].astype(int)).tolist() == [sample.samples // 2] * 2

"""The grids that an exported program accepts."""

import dataclasses

from exports import SMALL, surrogate_of

from cape.release.open_grid import open_grid
from cape.solvers.convnext_unet import ConvNextUNetConfig
from cape.solvers.message_passing import MessagePassingConfig
from cape.solvers.unet import UNetConfig
from cape.solvers.warp_unet import WarpUNetConfig


def test_training_grids_that_cannot_be_left_open():
    assert open_grid(surrogate_of(15)) is None
    assert open_grid(surrogate_of(16, base=dataclasses.replace(SMALL, modes=9))) is None
    assert open_grid(surrogate_of(16, base=UNetConfig(features=4, levels=3))) == (16, 16)
    assert open_grid(surrogate_of(40, 12)) == (4, 8)
    warps = WarpUNetConfig(width=1, levels=2, heads=2)  # 3 halvings, and 2 points on the coarsest grid
    assert open_grid(surrogate_of(48, base=warps)) == (16, 16)
    assert open_grid(surrogate_of(24, base=warps)) is None
    assert open_grid(surrogate_of(24, base=ConvNextUNetConfig(features=4, levels=1, kernel=19))) == (8, 24)
    assert open_grid(surrogate_of(8, base=MessagePassingConfig(width=4, layers=1, radius=9))) is None

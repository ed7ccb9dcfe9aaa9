"""Settings of solvers have upper bounds, so that no configuration asks for more memory than there is."""

import pytest

from cape.solvers.convnext_unet import ConvNextUNetConfig
from cape.solvers.fno import FNOConfig
from cape.solvers.message_passing import MessagePassingConfig
from cape.solvers.unet import UNetConfig
from cape.solvers.warp_unet import WarpUNetConfig


@pytest.mark.parametrize(
    ("config", "settings", "message"),
    [
        (FNOConfig, {"layers": 257}, "layers: expected at most 256, got 257"),
        (FNOConfig, {"width": 2**16 + 1}, "width: expected at most 65536, got 65537"),
        (UNetConfig, {"levels": 17}, "levels: expected at most 16, got 17"),
        (ConvNextUNetConfig, {"expansion": 65}, "expansion: expected at most 64, got 65"),
        (MessagePassingConfig, {"radius": 17}, "radius: expected at most 16, got 17"),
        (WarpUNetConfig, {"largest": 17}, "largest: expected at most 16, got 17"),
        (FNOConfig, {"width": 0}, "width: expected at least 1, got 0"),
    ],
)
def test_settings_are_bounded(config, settings, message):
    with pytest.raises(ValueError, match=message):
        config(**settings)

"""Small configurations of every base solver, and how to fit one to a domain, for tests."""

from flax import nnx

from cape.paper.fno import PaperFNOConfig
from cape.paper.unet import PaperUNetConfig
from cape.solvers.convnext_unet import ConvNextUNetConfig
from cape.solvers.factorised_fno import FactorisedFNOConfig
from cape.solvers.fitted import fitted
from cape.solvers.fno import FNOConfig
from cape.solvers.message_passing import MessagePassingConfig
from cape.solvers.solver import Domain
from cape.solvers.unet import UNetConfig
from cape.solvers.warp_unet import WarpUNetConfig

SMALL = {
    "fno": FNOConfig(width=4, modes=2, layers=2, projection=4),
    "factorised-fno": FactorisedFNOConfig(width=4, modes=2, layers=2, projection=4),
    "u-net": UNetConfig(features=4, levels=2),
    "convnext-u-net": ConvNextUNetConfig(features=4, levels=2, kernel=3, expansion=2),
    "message-passing": MessagePassingConfig(width=4, layers=2, radius=1),
    "warp-u-net": WarpUNetConfig(width=2, levels=2, heads=2),
    "paper-fno": PaperFNOConfig(width=4, modes=2, layers=2, projection=4),
    "paper-u-net": PaperUNetConfig(features=4, levels=2),
}


def domain_of(*boundaries, points=8):
    axes = len(boundaries)
    return Domain(boundaries, (points,) * axes, (0.0,) * axes, (1.0,) * axes)


def fit(config, *boundaries, position_channels=False, outputs=3):
    build = fitted(config, domain_of(*boundaries), position_channels=position_channels, rngs=nnx.Rngs(0))
    return build(2, outputs)

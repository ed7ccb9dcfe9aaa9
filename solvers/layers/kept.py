"""The feature maps that are kept for the gradient if the rest is computed again (rematerialisation)."""

from collections.abc import Callable
from typing import Any

import jax
from jax.ad_checkpoint import checkpoint_name

from cape.solvers.layers.layout import Features

_NAME = "hidden feature map"


def kept(h: Features) -> Features:
    """Mark a feature map as one to keep. Without rematerialisation, this has no effect."""
    return checkpoint_name(h, _NAME)


def only_kept(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function whose gradient keeps only its arguments and the marked feature maps of the function itself.

    Everything between them is computed a second time. Solvers that mark nothing are computed a second time as a whole.
    """
    return jax.checkpoint(function, policy=jax.checkpoint_policies.save_only_these_names(_NAME))

"""Neural PDE surrogates that obey their parameters.

surrogate = cape.load("runs/burgers1d")
frames = surrogate.rollout(u0, {"Nu": 0.03}, steps=10)      # [batch, steps, *space, channel]
"""

__version__ = "0.1.0"


def __getattr__(name: str):
    # resolved on first use: `import cape` alone imports neither jax nor flax
    if name == "load":
        from cape.pretrained import load

        return load
    raise AttributeError(f"module 'cape' has no attribute {name!r}")

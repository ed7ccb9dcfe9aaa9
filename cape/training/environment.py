"""What the bits of a training depend on besides its configuration and its data: versions, machine, settings of JAX."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

Environment = dict[str, Any]
X64 = "jax_enable_x64"
_PACKAGES = ("cape-jax", "jax", "jaxlib", "flax", "optax", "numpy")
_SETTINGS = (
    X64,
    "jax_default_matmul_precision",
    "jax_default_prng_impl",
    "jax_threefry_partitionable",
    "jax_random_seed_offset",
    "jax_disable_jit",
)
_HARMLESS_FLAGS = ("--xla_dump", "--xla_gpu_dump")


def environment() -> Environment:
    """Return the environment of this process as plain data, for checkpoints."""
    import jax  # here, so that runs are listed without it

    devices = jax.devices()
    found: Environment = versions() | {
        "platform": devices[0].platform,
        "device": devices[0].device_kind,
        "number of devices": len(devices),
        "processor": _processor(),
        "number of cores": _cores(),
        "XLA_FLAGS": " ".join(_flags(os.environ.get("XLA_FLAGS", ""))),
    }
    return found | {name: getattr(jax.config, name, None) for name in _SETTINGS}


def versions() -> Environment:
    """Return the versions of the packages that a training depends on."""
    return {f"version of {name}": _version(name) for name in _PACKAGES}


def differences(saved: Environment, present: Environment) -> list[str]:
    """List what differs, as "number of devices: 1 and 2", first the saved value. Keys of one side only are left out."""
    return [
        f"{key}: {_shown(value)} and {_shown(present[key])}"
        for key, value in saved.items()
        if key in present and present[key] != value
    ]


def check_precision(saved: Environment, present: Environment) -> None:
    """Check that JAX computes with the same precision as in a saved environment.

    Raises:
        ValueError: the 64-bit mode differs.
    """
    if X64 in saved and saved[X64] != present[X64]:
        before, now = (str(each[X64]).lower() for each in (saved, present))
        raise ValueError(
            f"{X64}: the run was started with {before}, and now it is {now}; set JAX_ENABLE_X64="
            f"{int(saved[X64])} in the environment to resume it, or choose another folder"
        )


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _processor() -> str:
    """Return the model of the processor, as far as the system tells: compilers use what a model can do."""
    try:
        lines = Path("/proc/cpuinfo").read_text(errors="replace").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    models = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(models, platform.machine())


def _cores() -> int:
    """Return the number of cores that this process may use."""
    usable = getattr(os, "sched_getaffinity", None)
    return len(usable(0)) if usable else os.cpu_count() or 1


def _flags(text: str) -> list[str]:
    return sorted(flag for flag in text.split() if not flag.startswith(_HARMLESS_FLAGS))


def _shown(value: Any) -> str:
    return "none" if value in ("", None) else str(value)

"""Strict tests: no silent promotion of dtypes or ranks, and every annotated shape and type is checked."""

import atexit
import ctypes
import functools
import gc
import math
import os
import shutil
import sys
import tempfile
import threading
from importlib.metadata import version
from pathlib import Path

# Tests compile much and compute little: let XLA compile quickly, in the processes they start too.
QUICK = ["--xla_backend_optimization_level=0", "--xla_llvm_disable_expensive_passes=true"]
if version("jaxlib").startswith("0.10."):  # XLA aborts on a flag it does not know, and these two may go
    QUICK += ["--xla_cpu_use_fusion_emitters=false", "--xla_cpu_parallel_codegen_split_count=1"]
os.environ.setdefault("XLA_FLAGS", " ".join(QUICK))
gc.set_threshold(100_000, 50, 50)  # tracing makes many objects and few cycles: collect seldom, a tenth faster

# The workers of pytest-xdist, and the processes that tests start, share compiled programs and compiled sources.
if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
    os.environ["JAX_COMPILATION_CACHE_DIR"] = tempfile.mkdtemp(prefix="cape-tests-")
    atexit.register(shutil.rmtree, os.environ["JAX_COMPILATION_CACHE_DIR"], ignore_errors=True)
os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
os.environ["JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES"] = "-1"
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

import jax  # noqa: E402
import jaxtyping  # noqa: E402
import pytest  # noqa: E402
from jax._src.interpreters import mlir  # noqa: E402
from jax.experimental.compilation_cache import compilation_cache  # noqa: E402

jaxtyping.install_import_hook("cape", "array_checks.check_arrays")  # before the first import of the package
jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_numpy_rank_promotion", "raise")

# JAX makes a context for every program, which takes a third of the time that a small one takes.
if hasattr(mlir, "make_ir_context"):
    context_of_thread = functools.cache(lambda thread, make=mlir.make_ir_context: make())
    mlir.make_ir_context = lambda: context_of_thread(threading.get_ident())


@pytest.fixture
def standard_promotion():
    """Allow the usual promotion of dtypes in one test: optax computes decay ** count with an int32 count."""
    with jax.numpy_dtype_promotion("standard"):
        yield


@pytest.fixture
def unchecked():
    """Switch off the check of annotated shapes in one test: it passes wrong arrays, to see the package's own error."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


COMPILATION_CACHE = (
    "jax_compilation_cache_dir",
    "jax_persistent_cache_min_compile_time_secs",
    "jax_persistent_cache_min_entry_size_bytes",
)


@pytest.fixture(scope="module", autouse=True)
def compiled_programs():
    """The folder of compiled programs; whether a module keeps its own elsewhere is forgotten after it."""
    settings = {name: getattr(jax.config, name) for name in COMPILATION_CACHE}
    yield Path(os.environ["JAX_COMPILATION_CACHE_DIR"])
    for name, value in settings.items():
        jax.config.update(name, value)
    compilation_cache.reset_cache()


MOST_MEMORY = 2 * 2**30  # bytes


def resident_memory() -> float:
    """Return the memory of this process in bytes, or infinity where /proc does not say."""
    pages = Path("/proc/self/statm")
    return int(pages.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") if pages.exists() else math.inf


@pytest.fixture(scope="module", autouse=True)
def cleared_caches():
    """Clear the caches of JAX in a large process: it opens unknown files in a fork, which is slow then."""
    yield
    if resident_memory() > MOST_MEMORY:
        jax.clear_caches()
        if hasattr(libc := ctypes.CDLL(None), "malloc_trim"):
            libc.malloc_trim(0)  # else the memory stays with the process


SHARED = Path(os.environ.get("CAPE_SHARED", Path(__file__).parents[2] / "shared"))


@pytest.fixture(scope="session")
def reference():
    """Folder of arrays computed with the published implementation; skips where it is absent."""
    folder = SHARED / "data" / "reference"
    if not folder.is_dir():
        pytest.skip("reference arrays of the published implementation are not here (development only)")
    return folder


@pytest.fixture(scope="session")
def pdebench():
    """Folder of reduced PDEBench trajectories; skips where it is absent."""
    folder = SHARED / "data" / "pdebench"
    if not folder.is_dir():
        pytest.skip("reduced PDEBench files are not here (development only)")
    return folder

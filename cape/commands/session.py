"""What several commands do before and after their work."""

import logging
import os
import warnings
from pathlib import Path


def prepare_jax() -> None:
    """Keep compiled programs on disk, so that the next run of the same shapes starts at once; silence orbax."""
    import jax

    # orbax warns of unfinished checkpoints that a killed run left, although it removes them
    logging.getLogger("absl").setLevel(logging.ERROR)
    folder = os.environ.get("JAX_COMPILATION_CACHE_DIR") or str(Path.home() / ".cache" / "cape-jax")
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError:
        return  # the home folder is not writable
    # without room on the disk, programs are compiled again; the line on what the command could not write is enough
    warnings.filterwarnings("ignore", message="Error (reading|writing) persistent compilation cache")
    jax.config.update("jax_compilation_cache_dir", folder)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


def print_evaluation_folder(folder: Path, figures: bool) -> None:
    """Print where the files of an evaluation are."""
    print(f"{'figures, ' if figures else ''}evaluation.json and evaluation.csv are in {folder}")

"""Neural PDE surrogates that obey their parameters."""

from pathlib import Path as _Path

# In a bare checkout `cape.solvers` and `cape.datasets` are the folders beside this one (see pyproject.toml).
if (_Path(__file__).parents[1] / "pyproject.toml").is_file():
    __path__.append(str(_Path(__file__).parents[1]))

__version__ = "0.1.0"

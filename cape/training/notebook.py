"""Notebooks: whether this process is the kernel of one."""

import importlib.util
import sys


def in_notebook() -> bool:
    """Return whether the code runs in the kernel of a notebook (Jupyter, Colab, VS Code, ...)."""
    if "ipykernel" not in sys.modules or "IPython" not in sys.modules:
        return False
    return sys.modules["IPython"].get_ipython() is not None


def live_trackers(progress: bool) -> tuple[str, ...]:
    """Return the tracker that draws the curves of a training in a notebook, if there is one and it can draw."""
    can_draw = importlib.util.find_spec("matplotlib") is not None
    return ("notebook",) if progress and can_draw and in_notebook() else ()

"""The names of boundaries. `solvers/layers/boundaries.py` says how a solver continues a field beyond each of them."""

BOUNDARIES = ("periodic", "outgoing", "wall")

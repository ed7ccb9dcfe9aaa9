"""The names of boundaries.

`solvers/layers/boundaries.py` says how a solver continues a field beyond each of them. `solvers/bounded.py` extends the
domain and `cape/model/propagator.py` mirrors the field on every axis that is not periodic.
"""

BOUNDARIES = ("periodic", "outgoing", "wall")

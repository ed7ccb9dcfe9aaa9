"""The equations of the zoo by name."""

from one_dimensional import ONE_DIMENSIONAL
from two_dimensional import TWO_DIMENSIONAL

EQUATIONS = {equation.name: equation for equation in (*ONE_DIMENSIONAL, *TWO_DIMENSIONAL)}

"""Colours, markers and lines of figures and reports.

The colours are those of Okabe and Ito, which colour-blind readers can distinguish. Kinds of parameter values also
differ by marker and line style, never by colour alone.
"""

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
KIND_COLOURS = {"seen": "#0072B2", "interpolated": "#009E73", "extrapolated": "#D55E00"}
MARKERS = {"seen": "o", "interpolated": "s", "extrapolated": "^"}
LINES = {"seen": "-", "interpolated": "--", "extrapolated": ":"}
GREY, SHADE = "0.55", "0.93"
BOX = {"facecolor": "w", "alpha": 0.85, "edgecolor": "none", "pad": 2}  # behind text on top of data
NOT_FINITE = "0.6"  # background of fields, visible where a prediction is not finite

"""Base neural solvers: channels in, channels out; they know nothing of parameters or data."""

"""Parameter inference: which parameter values explain an observed trajectory, and how sure the answer is."""

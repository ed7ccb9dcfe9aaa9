"""Training: objective, curriculum, optimiser, validation and checkpoints."""

"""Training: many steps with real data, tests between epochs, checkpoints and learning curves."""

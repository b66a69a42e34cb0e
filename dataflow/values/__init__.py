"""Values: what the tasks of a simulated run compute, from tensors where the simulation put them."""

"""What a trained network has learned: features of pictures, nearest pictures, kernels, activations."""

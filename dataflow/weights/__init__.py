"""Weights in and out: files of several kinds, under our own names or PyTorch's, checked against a network."""

"""One experiment at several sizes: how much faster it gets, and what stops it."""

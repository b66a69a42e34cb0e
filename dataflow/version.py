"""The version of Dataflow."""

__version__ = "0.1.0"

"""The version of Dataflow."""

__version__ = "0.3.0"

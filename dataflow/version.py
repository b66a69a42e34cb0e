"""The version of Dataflow."""

__version__ = "0.2.0"

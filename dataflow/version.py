"""The version of Dataflow."""

__version__ = "0.4.0"

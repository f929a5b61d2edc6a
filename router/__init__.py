"""Shunt: decide, prompt by prompt, between a small local model and a large remote one."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("shunt")
except PackageNotFoundError:  # a checkout that was never installed
    __version__ = "0+unknown"

__all__ = ["__version__"]

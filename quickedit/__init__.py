"""Quick Edit: a self-hosted, browser-based IDE for small Python workers."""

__version__ = "0.1.0"

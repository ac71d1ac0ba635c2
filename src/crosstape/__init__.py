"""crosstape: a self-hosted, real-time consolidated tape."""

__version__ = "0.1.0"

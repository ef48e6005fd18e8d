"""A private image host that nginx serves at its own speed."""

__version__ = "0.1.0"

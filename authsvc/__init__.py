"""A self-hosted image host with hotlink protection, served by nginx."""

__version__ = "0.1.0"

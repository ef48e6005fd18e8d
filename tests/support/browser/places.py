"""The hosts in these tests, all below names that no resolver knows."""

from typing import Final

IMAGE_HOST: Final = "img.pictures.test"
BLOG: Final = "blog.test"

SITES: Final = (BLOG, "*.garden.test", "bücher.test")
"""The sites on the list. `localhost` and its addresses are on it from the start."""

STRANGER: Final = "stranger.test"
NEIGHBOUR: Final = "forum.pictures.test"
"""A stranger on the registrable domain of the image host: `same-site` to it."""
BELOW_BLOG: Final = "sub.blog.test"
"""A stranger on the blog's registrable domain, so in the same process and cache partition."""

TLS_PORTS: Final = (443, 8443)
"""The ports of HTTPS. Every other port is plain HTTP."""

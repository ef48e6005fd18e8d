"""The hosts of the browsers' world, all below names that no resolver knows."""

from typing import Final

IMAGE_HOST: Final = "img.pictures.test"
BLOG: Final = "blog.test"

SITES: Final = (BLOG, "*.garden.test", "bücher.test")
"""What the owner has put on the list, besides `localhost` and its addresses, which are there from the start."""

STRANGER: Final = "stranger.test"
NEIGHBOUR: Final = "forum.pictures.test"
"""A stranger on the image host's own registrable domain: `same-site` to it."""
BELOW_BLOG: Final = "sub.blog.test"
"""A stranger on the blog's own registrable domain, so in one process and one cache partition with it."""

TLS_PORTS: Final = (443, 8443)
"""The ports on which pages are served over HTTPS; on every other it is plain HTTP."""

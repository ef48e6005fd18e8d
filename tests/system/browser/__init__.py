"""What real browsers show on the owner's pages and on other people's pages."""

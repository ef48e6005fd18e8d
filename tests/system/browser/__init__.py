"""What browsers really show of the pictures, on the owner's pages and on everybody else's."""

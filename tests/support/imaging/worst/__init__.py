"""Files of any size made of the smallest possible pieces, which take a walker as long as possible."""

"""The JSON forms that upload clients expect, one module for each family."""

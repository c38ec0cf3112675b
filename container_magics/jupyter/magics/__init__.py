"""The IPython magics, one module a noun."""

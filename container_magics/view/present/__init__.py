"""States -> views: the only place that decides what is worth saying."""

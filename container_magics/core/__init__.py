"""The words and the grammar: pure data and pure functions; no socket, file, clock or thread."""

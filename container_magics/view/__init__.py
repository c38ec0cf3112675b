"""What is worth saying, and how it looks: pure functions from state to text, HTML and JSON."""

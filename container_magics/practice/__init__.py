"""The course's own nouns: the SSH practice box."""

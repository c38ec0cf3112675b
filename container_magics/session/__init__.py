"""The story: engine verbs in order, yielding events; clean-up in ``finally``."""

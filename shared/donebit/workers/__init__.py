"""Domain: the workers, what they are at, and what they said last."""

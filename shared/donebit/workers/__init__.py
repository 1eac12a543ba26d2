"""Domain: the workers, what they run, and their last log lines."""

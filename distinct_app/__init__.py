"""Was this user here? The HTTP face of activity."""

"""Copies of an installation's data: taken while it runs, checked, and restored into an empty store."""

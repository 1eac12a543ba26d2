"""Delivering the ends of tasks to the receivers that their specs name."""

"""Telling the ends of tasks to those who asked to be told."""

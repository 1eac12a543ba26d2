"""Schedules over HTTP, and their page."""

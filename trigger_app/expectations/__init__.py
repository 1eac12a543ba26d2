"""Expectations over HTTP."""

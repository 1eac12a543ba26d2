"""The front door: start tasks, simulate visits, the dashboard."""

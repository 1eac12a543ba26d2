"""Schedules: tasks that are started by the clock."""

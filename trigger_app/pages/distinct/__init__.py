"""The view of distinct users: moving figures, curves, cohorts, streaks, and sets of users."""

from trigger_app.pages.distinct.routes import VIEW

__all__ = ["VIEW"]

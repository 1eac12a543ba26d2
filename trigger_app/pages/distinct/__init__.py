"""The users page: live figures, curves, retention, lifecycle, streaks and queries."""

from trigger_app.pages.distinct.routes import VIEW

__all__ = ["VIEW"]

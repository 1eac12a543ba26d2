"""The HTTP service of activity: events, flags, permissions and questions about users."""

"""The dashboard in a real browser, and many dashboards at once."""

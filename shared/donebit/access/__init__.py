"""Who may do what: roles, named tokens, sessions of the dashboard, and the report token of each task."""

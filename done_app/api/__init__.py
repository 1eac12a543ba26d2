"""The HTTP face of tasks: routes, and the models of what they take and answer."""

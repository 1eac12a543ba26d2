"""The HTTP service for tasks: routes, and the models of requests and answers."""

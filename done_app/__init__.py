"""The worker that runs the steps of tasks, and the HTTP service for tasks."""

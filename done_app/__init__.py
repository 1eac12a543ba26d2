"""Is this step done? The worker that runs steps, and the HTTP face of tasks."""

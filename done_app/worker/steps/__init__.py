"""Running the steps of a task and reporting their results."""

"""Running the steps of a task, and reporting what became of them."""

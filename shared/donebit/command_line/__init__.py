"""The command `donebit`: asks the three services over HTTP, and knows nothing else of them."""

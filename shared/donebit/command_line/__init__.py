"""The command `donebit`, a client of the three services over HTTP."""

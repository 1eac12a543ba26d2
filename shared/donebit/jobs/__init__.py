"""Jobs: step functions by name, Donebit's own and those of users.

`decorator.py` is what users import, `registry.py` what the services and the worker look jobs up in, and
`unawaited.py` refuses functions that return before their work is done.
"""

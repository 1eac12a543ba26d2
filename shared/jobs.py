"""Names the new import to whoever still uses the old one."""

raise ImportError("`from shared.jobs import job` is `from donebit import job` since Donebit 0.2")

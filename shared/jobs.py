"""Names the new import where the old one is still used."""

raise ImportError("`from shared.jobs import job` is `from donebit import job` since Donebit 0.2")

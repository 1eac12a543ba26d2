"""For Celery applications: `result_backend = "donebit+redis://..."`, progress of a chord, and the sweep."""

from donebit.celery.versions import check_versions
from donebit.errors import ConfigurationError
from donebit.extras import missing_extra

try:
    check_versions()  # first: with older ones an import may fail for another reason
    from donebit.celery.progress import ChordProgress, progress
    from donebit.celery.sweep import connect, sweep_chords
except ModuleNotFoundError as error:
    raise ConfigurationError(missing_extra("celery", "donebit.celery", error.name)) from None

__all__ = ["ChordProgress", "progress", "sweep_chords"]

# The backend's entry point imports this too, so that each worker of an application with that backend sweeps.
connect()

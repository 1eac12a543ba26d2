"""`python -m donebit.demo.sample`: remove the sample data from a running demo."""

from __future__ import annotations

import sys

from donebit import config
from donebit.demo.sample.filling import SampleFailed, remove
from donebit.demo.sample.services import services
from donebit.errors import EXIT_BY_SETTING, ConfigurationError


def main() -> int:
    """Remove the data and return the exit code: 1 if a service cannot be reached, 2 for a wrong setting."""
    try:
        with services(config.load()) as (_, done, distinct):
            remove(done, distinct)
    except (ConfigurationError, SampleFailed) as error:
        print(f"the sample data could not be removed: {error}", file=sys.stderr)
        return EXIT_BY_SETTING if isinstance(error, ConfigurationError) else 1
    print("the sample data are removed")
    return 0


if __name__ == "__main__":
    sys.exit(main())

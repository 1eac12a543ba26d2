"""`python -m donebit.demo.sample`: remove the sample data of a demo that runs."""

from __future__ import annotations

import sys

from donebit import config
from donebit.demo.sample.filling import SampleFailed, remove
from donebit.demo.sample.services import services
from donebit.errors import ConfigurationError


def main() -> int:
    """The exit code: 1, and one sentence, where the services are not there."""
    try:
        with services(config.load()) as (_, done, distinct):
            remove(done, distinct)
    except (ConfigurationError, SampleFailed) as error:
        print(f"the sample data are still there: {error}", file=sys.stderr)
        return 1
    print("the sample data are gone")
    return 0


if __name__ == "__main__":
    sys.exit(main())

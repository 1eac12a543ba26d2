"""`python -m shared.demo.sample`: remove the sample data of a demo that runs."""

from __future__ import annotations

import sys

from shared import config
from shared.demo.sample.filling import Failed, remove
from shared.demo.sample.services import services
from shared.errors import ConfigurationError


def main() -> int:
    """The exit code: 1, and one sentence, where the services are not there."""
    try:
        with services(config.load()) as (_, done, distinct):
            remove(done, distinct)
    except (ConfigurationError, Failed) as error:
        print(f"the sample data are still there: {error}", file=sys.stderr)
        return 1
    print("the sample data are gone")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""`python -m sface VERB ...`: the same as `sface VERB ...`."""

import sys

from .cli.dispatch import main

sys.exit(main())

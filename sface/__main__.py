"""`python -m sface VERB ...`: the same as `sface VERB ...`."""

import sys

from .cli import main

sys.exit(main())

"""`python -m smp` is the `smp` command."""

import sys

from smp.cli import main

sys.exit(main())

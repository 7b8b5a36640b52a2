"""`python -m kobai` is `kobai`."""

import sys

from kobai.cli import main

sys.exit(main())

"""``python -m clothier``, also for ``torchrun -m clothier``."""

import sys

from clothier.cli.main import main

sys.exit(main())

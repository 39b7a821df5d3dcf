"""``python -m clothier``, the way in for ``torchrun -m clothier``."""

import sys

from clothier.cli.main import main

sys.exit(main())

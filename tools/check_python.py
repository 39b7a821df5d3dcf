"""Exits with a sentence where this Python cannot make Clothier's virtual environment. Runs on any Python 3."""

import sys

VERSION = "%d.%d" % sys.version_info[:2]
if sys.version_info < (3, 11):
    sys.exit(
        "Clothier needs Python 3.11 or newer, and %s is %s. Install a newer one and name it: make PYTHON=python3.12 ..."
        % (sys.executable, VERSION)
    )
try:
    import ensurepip  # noqa: F401
    import venv  # noqa: F401
except ImportError:
    sys.exit(
        "%s has no venv module. Install it (Debian, Ubuntu: apt install python%s-venv) and run make again."
        % (sys.executable, VERSION)
    )

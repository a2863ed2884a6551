"""``python -m parefront``: the same as the command."""

import sys

from .cli.app import main

if __name__ == "__main__":
    sys.exit(main())

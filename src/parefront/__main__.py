"""``python -m parefront``: the same as the command."""

import sys

from .cli.main import main

if __name__ == "__main__":
    sys.exit(main())

"""``python -m eca_edu``: the command line of the course."""

import sys

from eca_edu.app.cli import main

if __name__ == "__main__":
    sys.exit(main())

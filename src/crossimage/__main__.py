"""Run the command line as ``python -m crossimage``."""

import sys

from crossimage.cli.app import main

if __name__ == "__main__":
    sys.exit(main())

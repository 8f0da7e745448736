"""Run the command line as ``python -m crossimage``."""

import sys

from crossimage.cli import main

if __name__ == "__main__":
    sys.exit(main())

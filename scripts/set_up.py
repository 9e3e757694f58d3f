"""Make the project's virtual environment, with Python's standard library alone."""

import sys

from scripts.development.set_up import main

if __name__ == "__main__":
    sys.exit(main())

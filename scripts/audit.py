"""List the installed packages by licence."""

import sys

from scripts.development.audit import main

if __name__ == "__main__":
    sys.exit(main())

"""Operate a running service: look at it, scale it, roll out other archives."""

import sys

from scripts.operating.manage import main

if __name__ == "__main__":
    sys.exit(main())

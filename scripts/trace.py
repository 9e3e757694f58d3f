"""Show where a request's time went."""

import sys

from scripts.operating.trace import main

if __name__ == "__main__":
    sys.exit(main())

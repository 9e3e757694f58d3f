"""Start and stop the service; serve runs it in the foreground."""

import sys

from scripts.serving.service import main

if __name__ == "__main__":
    sys.exit(main())

"""Show where a request's time went."""

import sys

from scripts.serving.utf8 import in_utf8_mode

if __name__ == "__main__":
    in_utf8_mode()
    from scripts.operating.trace import main

    sys.exit(main())

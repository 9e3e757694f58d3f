"""Start and stop the service; serve runs it in the foreground."""

import sys

from scripts.serving.utf8 import in_utf8_mode

if __name__ == "__main__":
    in_utf8_mode()
    from scripts.serving.service import main

    sys.exit(main())

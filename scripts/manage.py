"""Operate a running service: look at it, scale it, roll out other archives."""

import sys

from scripts.serving.utf8 import in_utf8_mode

if __name__ == "__main__":
    in_utf8_mode()
    from scripts.operating.manage import main

    sys.exit(main())

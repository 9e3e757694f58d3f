"""Teach a model one's own classes, from folders of pictures."""

import sys

from scripts.serving.utf8 import in_utf8_mode

if __name__ == "__main__":
    in_utf8_mode()
    from scripts.teaching.teach import main

    sys.exit(main())

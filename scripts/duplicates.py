"""Find pictures that are in a folder more than once."""

import sys

from scripts.serving.utf8 import in_utf8_mode

if __name__ == "__main__":
    in_utf8_mode()
    from scripts.evaluating.duplicates import main

    sys.exit(main())

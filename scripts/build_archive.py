"""Turn weights and labels into a TorchServe archive."""

import sys

from scripts.serving.utf8 import in_utf8_mode

if __name__ == "__main__":
    in_utf8_mode()
    from scripts.packaging.build_archive import main

    sys.exit(main())

"""Turn weights and labels into a TorchServe archive."""

import sys

from scripts.packaging.build_archive import main

if __name__ == "__main__":
    sys.exit(main())

"""For the stock handler's workers: torchvision with a CPU build of torch (see the import)."""

import scripts.packaging.reference  # noqa: F401

"""For the stock handler's workers: torchvision beside a CPU build of torch (scripts/reference)."""

import scripts.reference  # noqa: F401

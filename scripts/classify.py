"""Classify pictures with a running service."""

import sys

from client.classify import main

if __name__ == "__main__":
    sys.exit(main())

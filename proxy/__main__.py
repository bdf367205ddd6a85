"""`python -m proxy` is `pgwarden`."""

import sys

from proxy.app.cli import main

if __name__ == "__main__":
    sys.exit(main())

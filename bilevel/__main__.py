"""`python -m bilevel` is the command line."""

import sys

from bilevel.app.cli import main

if __name__ == "__main__":
    sys.exit(main())

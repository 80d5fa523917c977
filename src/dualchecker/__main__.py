"""``python -m dualchecker``."""

from dualchecker.cli import main

main()

"""The command line as ``python -m robench``."""

from robench.cli import main

main()

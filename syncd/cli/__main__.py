"""``python -m syncd.cli``: the command line without the console script."""

from syncd.cli.app import main

main()

"""`python -m router` is the `shunt` command."""

from router.cli import main

main()

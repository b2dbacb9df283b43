"""`python -m wingman.cli`: the `wingman` command where its script is not on the path."""

from wingman.cli.main import main

main()

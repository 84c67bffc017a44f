"""`python -m controlplane.cli`."""

from controlplane.cli import main

main()

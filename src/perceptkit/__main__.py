"""`python -m perceptkit` is the command line."""

from .cli import main

main()

"""`perceptkit` and `python -m perceptkit` are the command line."""

import sys

__all__ = ["main"]

_INTERRUPTED = 130


def main() -> None:
    """The entry point of the program."""
    try:
        from .cli import main as run

        run()
    except KeyboardInterrupt:  # before a command has begun, which has its own message
        sys.exit(_INTERRUPTED)


if __name__ == "__main__":
    main()

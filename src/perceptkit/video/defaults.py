"""The defaults of the video functions, written once. Light to import, so that the command line can show them."""

__all__ = ["FOLDER_RATE"]

FOLDER_RATE = 25.0
"""Photos a second when a folder of them is taken for a video."""

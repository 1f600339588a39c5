"""For all tests."""

import signal

# A shell that runs the tests in the background has Ctrl-C ignored, and so would have every program that they start.
signal.signal(signal.SIGINT, signal.default_int_handler)

"""Recordings that callers make: while they are made, and as they are kept."""

"""What programs of the system that came before call and left behind: its functions, and its caches."""

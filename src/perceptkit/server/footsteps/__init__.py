"""What callers may ask for about the footsteps in a video, in which stages it is done, and what they are told."""

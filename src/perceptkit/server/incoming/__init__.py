"""What callers send, from the moment it comes until it can be trusted: forms, files, JSON, photos from addresses."""

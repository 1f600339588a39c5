"""From photos and videos on disk to the unique people in them, and the files of that. `extraction` is the story."""

"""From a video to who is where in it, and the video that shows it. `annotation` is the story."""

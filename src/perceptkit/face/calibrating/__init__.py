"""Which threshold an embedder needs: photos of known people, compared pair by pair. `calibration` is the story."""

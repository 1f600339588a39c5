"""What footstep sound is made with: force, space, loudness, canvases, files, a loudspeaker."""

"""Frames on disk: append, play, splice, segments, checkpoints, and other people's captures."""

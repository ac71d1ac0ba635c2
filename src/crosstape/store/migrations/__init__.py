"""One file a revision, oldest first by name; a released one is never edited."""

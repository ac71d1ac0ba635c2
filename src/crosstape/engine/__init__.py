"""The machine: frames in, views out."""

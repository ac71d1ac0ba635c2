"""What exists: instruments, events, frames, units, quality and errors."""

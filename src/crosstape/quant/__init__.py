"""Research on whole sets of data: arrays and records in, figures out; no clock, no disk, no state."""

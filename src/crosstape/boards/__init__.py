"""Pre-sorted boards: a line each in the catalogue, ranked on a column."""

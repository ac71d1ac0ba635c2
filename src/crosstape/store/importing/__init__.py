"""Files of ticks, candles and own executions: recognised, previewed, read in batches, kept once."""

"""SQL over live columns, history and ledger: one SELECT at a time, in a process that can do nothing else."""

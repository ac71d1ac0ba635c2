"""The ledger: what must survive and be asked for, in SQLite or PostgreSQL. SQLAlchemy is imported on `open`."""

"""History: what happened, as Parquet columns by kind, market and UTC day. pyarrow and polars come with its use."""

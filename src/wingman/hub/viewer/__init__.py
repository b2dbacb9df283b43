"""Looking at the rows of table files: CSV, TSV, JSON Lines and Parquet of any size."""

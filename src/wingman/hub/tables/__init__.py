"""The rows of a dataset: which files are tables, their splits, pages of rows, statistics of columns.

`model` holds the values, `splits` finds what belongs together, `service` answers, `engine` reads tables with DuckDB,
which is an optional part of the Hub (`pip install "wingman-hub[viewer]"`). Knows no HTTP and no HTML.
"""

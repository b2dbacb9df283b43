"""The rows of a dataset in the browser: splits, pages, sort and search in the address, statistics of each column.

Works without scripts; what a cell holds is only ever text.
"""

"""What all routes share: reading requests, the table of error statuses, paths, paging, byte ranges."""

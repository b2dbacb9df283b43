"""Asking models: workers started on demand as child processes, and requests passed on to them."""

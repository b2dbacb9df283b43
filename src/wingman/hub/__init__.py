"""The Hub: accounts, repositories, commits, large files and pages, over one SQL database and one object store.

Deliberately knows nothing of training or inference libraries; `tests/test_architecture.py` holds that.
"""

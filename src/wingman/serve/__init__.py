"""Answering with a model: one process that loads one revision of one repository and answers over HTTP.

    tasks/       what a task's requests and answers look like        (no sockets, no engine)
    batching     which waiting rows to run together                  (no sockets, no clock)
    snapshot     which files of a repository are needed, what they say about the model
    engine       the contract of an engine; onnx_engine, torch_engine implement it
    scheduler    an engine behind a batcher, for asyncio
    app          the ASGI application: bytes and statuses
    worker       the process: load in the background, drain on SIGTERM, leave when idle

A worker reaches a Hub only through `huggingface_hub`. Importing this package brings in neither torch nor
transformers; only a repository without an ONNX file needs them.
"""

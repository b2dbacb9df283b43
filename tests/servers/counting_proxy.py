"""A TCP proxy that counts what passes through it: how many bytes did a client really send?

A Hub builds its links from the address that a request came in on, so a client that talks to the proxy keeps
talking to it, whatever service of the Hub the links lead to.
"""

import contextlib
import socket
import threading
from urllib.parse import urlsplit

PIECE_BYTES = 1 << 16


class CountingProxy:
    """Listens on a port of its own while it is used as a context manager."""

    def __init__(self, target_url: str) -> None:
        target = urlsplit(target_url)
        self._target = (target.hostname, target.port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._lock = threading.Lock()
        self._sent_bytes = self._received_bytes = 0
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> "CountingProxy":
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        # Closing alone does not wake a thread that waits in accept().
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    @property
    def sent_bytes(self) -> int:
        """Bytes that clients sent to the server so far, headers included."""
        with self._lock:
            return self._sent_bytes

    @property
    def received_bytes(self) -> int:
        """Bytes that clients got from the server so far, headers included."""
        with self._lock:
            return self._received_bytes

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return  # closed by __exit__
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, socket.create_connection(self._target) as server:
            back = threading.Thread(target=self._pump, args=(server, client, False), daemon=True)
            back.start()
            self._pump(client, server, True)
            back.join()

    def _pump(self, source: socket.socket, sink: socket.socket, is_upload: bool) -> None:
        with contextlib.suppress(OSError):  # either side may hang up at any time
            while piece := source.recv(PIECE_BYTES):
                with self._lock:
                    if is_upload:
                        self._sent_bytes += len(piece)
                    else:
                        self._received_bytes += len(piece)
                sink.sendall(piece)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_WR)

"""A server that is not ours: it answers as it is told to, and remembers what it was asked."""

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager

Answer = bytes | list[bytes]  # a list repeats its last part until the client leaves


class Foreign(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, answers: tuple[Answer, ...]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers = [*answers]
        self.heads: list[str] = []  # a request line and its headers
        self.lock = threading.Lock()
        self.stopping = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def next_answer(self, head: str) -> Answer:
        """The last one again and again."""
        with self.lock:
            self.heads.append(head)
            return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


class _Handler(socketserver.StreamRequestHandler):
    server: Foreign

    def handle(self) -> None:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            line = self.rfile.readline()
            if not line:
                return
            head += line
        lengths = [
            line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")
        ]
        self.rfile.read(int(lengths[0].split(b":")[1]) if lengths else 0)
        answer = self.server.next_answer(head.decode("latin-1"))
        try:
            if isinstance(answer, bytes):
                self.wfile.write(answer)
                return
            self.wfile.write(b"".join(answer))
            # The client goes away sooner or later; this is no wait for it.
            while not self.server.stopping.wait(0.02):
                self.wfile.write(answer[-1])
        except OSError:
            pass  # it has


@contextmanager
def foreign(*answers: Answer) -> Iterator[Foreign]:
    with Foreign(answers) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield server
        finally:
            server.stopping.set()
            server.shutdown()
            thread.join()


def answer(status: int, body: bytes = b"", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(body)}", "Connection: close"]
    return "\r\n".join([*lines, *headers, "", ""]).encode("latin-1") + body

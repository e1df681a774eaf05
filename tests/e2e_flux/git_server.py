"""A git repository on this machine, served over HTTP by git's own backend."""

import os
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Self

NAME = "models.git"
_IDENTITY = {
    "GIT_AUTHOR_NAME": "tests",
    "GIT_AUTHOR_EMAIL": "tests@example.com",
    "GIT_COMMITTER_NAME": "tests",
    "GIT_COMMITTER_EMAIL": "tests@example.com",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_SYSTEM": os.devnull,
}


class Repository:
    """A bare repository below ``folder`` and a checkout of it that commits are made in."""

    def __init__(self, folder: Path) -> None:
        self._checkout = folder / "checkout"
        bare = folder / NAME
        _git("init", "--quiet", "--bare", "--initial-branch=main", str(bare))
        _git("clone", "--quiet", str(bare), str(self._checkout))

    def commit(self, files: dict[str, str], message: str) -> None:
        """Write files by path, commit and push."""
        for path, text in files.items():
            file = self._checkout / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, "utf-8")
        _git("add", "--all", folder=self._checkout)
        _git("commit", "--quiet", "--message", message, folder=self._checkout)
        self._push()

    def revert(self) -> None:
        """Take the last commit back by a commit."""
        _git("revert", "--no-edit", "HEAD", folder=self._checkout)
        self._push()

    def _push(self) -> None:
        _git("push", "--quiet", "origin", "HEAD:main", folder=self._checkout)


class GitServer:
    """Serves every repository below ``folder`` while it is open; ``port`` is a free one."""

    def __init__(self, folder: Path) -> None:
        class Handler(_Handler):
            root = folder

        # The cluster's nodes come from another network than loopback.
        self._server = ThreadingHTTPServer(("0.0.0.0", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever)

    @property
    def port(self) -> int:
        return self._server.server_port

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    """RFC 3875 for one program, `git http-backend`, read-only."""

    root: Path
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer(b"")

    def do_POST(self) -> None:
        self._answer(self.rfile.read(int(self.headers.get("content-length", 0))))

    def _answer(self, body: bytes) -> None:
        path, _, query = self.path.partition("?")
        environment = {
            **os.environ,
            **_IDENTITY,
            "GIT_PROJECT_ROOT": str(self.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "REQUEST_METHOD": self.command,
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "CONTENT_TYPE": self.headers.get("content-type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": self.headers.get("content-encoding", ""),
            "GIT_PROTOCOL": self.headers.get("git-protocol", ""),
        }
        said = subprocess.run(
            ["git", "http-backend"], input=body, env=environment, capture_output=True, check=True
        ).stdout
        head, _, content = said.partition(b"\r\n\r\n")
        status, headers = 200, []
        for line in head.decode().split("\r\n"):
            name, _, value = line.partition(": ")
            if name.lower() == "status":
                status = int(value.split()[0])
            else:
                headers.append((name, value))
        self.send_response(status)
        for name, value in (*headers, ("content-length", str(len(content)))):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


def _git(*words: str, folder: Path | None = None) -> str:
    done = subprocess.run(
        ["git", *words],
        cwd=folder,
        env={**os.environ, **_IDENTITY},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"git {' '.join(words)}: {done.stderr}"
    return done.stdout

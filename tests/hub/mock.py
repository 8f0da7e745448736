"""A small part of the hub's API on this machine: repositories, revisions, uploads and downloads."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import unquote, urlsplit


@dataclass
class Repo:
    """A repository: the files of each commit, and the commits of branches and tags."""

    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    revisions: dict[str, str] = field(default_factory=dict)
    private: bool = False
    gated: bool = False

    def commit(
        self, files: dict[str, bytes], revision: str = "main", deleted: Sequence[str] = ()
    ) -> str:
        before = self.commits.get(self.revisions.get(revision, ""), {})
        commit = hashlib.sha1(repr((len(self.commits), sorted(files))).encode()).hexdigest()
        after = before | files
        self.commits[commit] = {name: after[name] for name in after if name not in deleted}
        self.revisions[revision] = commit
        return commit


class Hub:
    """The hub: its repositories, what it was asked for, and how it fails."""

    def __init__(self) -> None:
        self.repos: dict[str, Repo] = {}
        self.tokens = {"hf_writer"}
        self.requests: list[str] = []
        self.large: dict[str, bytes] = {}
        self.down = False
        self.meanwhile: Callable[[], object] = lambda: None  # before each answer
        self.url = ""

    def repo(self, name: str, files: dict[str, bytes]) -> str:
        """Make a repository, and return its commit."""
        self.repos[name] = Repo()
        return self.repos[name].commit(files)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: Hub

    def log_message(self, *_: object) -> None:
        pass

    def _answer(
        self, status: int, body: object = b"", headers: dict[str, str] | None = None
    ) -> None:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def _error(self, status: int, code: str, message: str) -> None:
        headers = {"X-Error-Message": message} | ({"X-Error-Code": code} if code else {})
        self._answer(status, {"error": message}, headers)

    def _go(self) -> None:
        hub, path = self.hub, urlsplit(self.path).path
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        hub.requests.append(f"{self.command} {path}")
        hub.meanwhile()
        token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        if hub.down:
            return self._error(503, "", "down for maintenance")
        if token and token not in hub.tokens:
            return self._error(401, "", "Invalid credentials in Authorization header")
        if path == "/api/repos/create":
            return self._create(json.loads(body), bool(token))
        if path == "/api/validate-yaml":
            return self._answer(200, {"errors": [], "warnings": []})
        if match := re.fullmatch(r"/large/(\w+)", path):
            hub.large[match[1]] = body
            return self._answer(200)
        if match := re.fullmatch(r"/([^/]+/[^/]+)\.git/info/lfs/objects/batch", path):
            objects = json.loads(body)["objects"]
            for each in objects:
                each["actions"] = {"upload": {"href": f"{hub.url}/large/{each['oid']}"}}
            return self._answer(200, {"transfer": "basic", "objects": objects})
        api = re.fullmatch(
            r"/api/models/([^/]+/[^/]+)(?:/(revision|preupload|commit|tree)/(.+))?", path
        )
        file = re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path)
        match = api or file
        name = match[1] if match else ""
        repo = hub.repos.get(name)
        if repo is None or (repo.private and not token):
            return self._error(404 if token else 401, "RepoNotFound", "Repository not found")
        if api and api[2] == "preupload":
            files = [
                {"path": each["path"], "shouldIgnore": False,
                 "uploadMode": "lfs" if each["path"].endswith((".safetensors", ".onnx"))
                 else "regular"}
                for each in json.loads(body)["files"]
            ]  # fmt: skip
            return self._answer(200, {"files": files})
        if api and api[2] == "commit":
            return self._commit(repo, name, body)
        revision = unquote((api[3] if api else file[2] if file else None) or "main")
        commit = repo.revisions.get(revision, revision)
        if commit not in repo.commits:
            return self._error(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        files_there = repo.commits[commit]
        if api and api[2] == "tree":
            tree = [
                {"type": "file", "path": each, "size": len(content), "oid": "0" * 40}
                for each, content in sorted(files_there.items())
            ]
            return self._answer(200, tree)
        if api:
            siblings = [{"rfilename": each} for each in sorted(files_there)]
            return self._answer(
                200,
                {"id": name, "modelId": name, "sha": commit, "private": repo.private, "tags": [],
                 "siblings": siblings},
            )  # fmt: skip
        assert file
        if repo.gated:
            return self._error(403, "GatedRepo", "Access to this model is restricted")
        if file[3] not in files_there:
            return self._error(404, "EntryNotFound", "Entry not found")
        content = files_there[file[3]]
        etag = hashlib.sha256(content).hexdigest()
        self._answer(200, content, {"ETag": f'"{etag}"', "X-Repo-Commit": commit})

    def _create(self, asked: dict[str, object], writer: bool) -> None:
        name = f"{asked.get('organization') or 'jane'}/{asked['name']}"
        if not writer:
            return self._error(401, "", "Invalid username or password.")
        if name.startswith("other/"):
            return self._error(403, "", "You don't have the rights to create a model there")
        if name in self.hub.repos:
            return self._answer(409, {"url": f"{self.hub.url}/{name}", "error": "exists"})
        private = bool(asked.get("private")) or asked.get("visibility") == "private"
        self.hub.repos[name] = Repo(private=private)
        self.hub.repos[name].commit({".gitattributes": b""})
        self._answer(200, {"url": f"{self.hub.url}/{name}", "name": name, "id": "1"})

    def _commit(self, repo: Repo, name: str, body: bytes) -> None:
        files, deleted = {}, []
        for line in map(json.loads, body.splitlines()):
            value = line["value"]
            if line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                files[value["path"]] = self.hub.large[value["oid"]]
            elif line["key"] == "deletedFile":
                deleted.append(value["path"])
        commit = repo.commit(files, deleted=deleted)
        self._answer(
            200, {"commitUrl": f"{self.hub.url}/{name}/commit/{commit}", "commitOid": commit}
        )

    do_GET = do_HEAD = do_POST = do_PUT = _go


@contextmanager
def running(hub: Hub) -> Iterator[str]:
    """Serve a hub on this machine, and return its address."""
    handler = type("Handler", (_Handler,), {"hub": hub})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    hub.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield hub.url
    finally:
        server.shutdown()
        server.server_close()

"""A provider's batch interface on the loopback interface: files, batches, and results in any order.

Nothing happens by a clock: a batch goes on by one step each time somebody looks at it.

    with BatchServer(folder) as server:                     # completes every batch at the fourth look
        server.faults["POST /batches"] = [error(500)]       # the first creation fails, and makes nothing
        server.lost["POST /batches"] = [error(502)]         # the first creation succeeds, but nobody is told
        server.ends = lambda batch: "expired"               # half of every batch is done
        ...                                                 # server.batches, server.done, server.looks
"""

import json
import random
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from aiohttp import web

from servers import Behaviour, Call, LoopbackServer, Step, answer

_WAY = ("validating", "in_progress", "in_progress", "finalizing")
_OVER = {"completed", "failed", "expired", "cancelled"}


class BatchServer(LoopbackServer):
    """Serves ``/v1/files`` and ``/v1/batches`` beside ``/v1/chat/completions``.

    A step of ``behaviour`` with ``drop`` leaves its request out of the results; ``hang`` leaves it undone.

    Args:
        folder: For files.
        behaviour: What becomes of each request.

    Attributes:
        faults: By method and route, what is answered in place of the next calls.
        lost: The same, after the call was carried out.
        ends: How a batch ends.
        most_requests: In one file.
        room: Requests that may be under way at once, in all batches.
        keep_marks: Whether metadata are kept.
        done: How often each request was answered (and is charged for), by its custom_id.
        sizes: Number of requests in each batch that was taken.
    """

    def __init__(self, folder: Path, behaviour: Behaviour | None = None) -> None:
        super().__init__(behaviour)
        self._folder, self._does = folder, behaviour or answer
        self.faults: dict[str, list[Step]] = {}
        self.lost: dict[str, list[Step]] = {}
        self.ends: Callable[[dict[str, Any]], str] = lambda batch: "completed"
        self.most_requests, self.room, self.keep_marks = 50_000, 10**9, True
        self.batches: dict[str, dict[str, Any]] = {}
        self.done: Counter[str] = Counter()
        self.sizes: list[int] = []
        self.looks: Counter[str] = Counter()
        self._results = 0
        self.uploads: list[str] = []
        self.seen: list[str] = []
        self.keys: list[str] = []

    def file(self, name: str) -> Path:
        return self._folder / name

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        parts = request.path.removeprefix("/v1/").split("/")
        if parts[0] not in ("files", "batches"):
            return await super()._handle(request)
        route = f"{request.method} /{'/'.join('*' if place == 1 else part for place, part in enumerate(parts))}"
        self.seen.append(route)
        self.keys.append(request.headers.get("Authorization", ""))
        if self.faults.get(route):
            await request.read()
            return await self._send(request, self.faults[route].pop(0))
        found = await self._serve_route(request, route, parts)
        if self.lost.get(route):
            return await self._send(request, self.lost[route].pop(0))
        return found

    async def _serve_route(self, request: web.Request, route: str, parts: list[str]) -> web.StreamResponse:
        if route == "POST /files":
            return await self._upload(request)
        if route == "POST /batches":
            return self._create(await request.json())
        if route == "GET /batches":
            return self._list(request)
        if route == "GET /files/*/content":
            path = self.file(parts[1])
            return web.FileResponse(path) if path.exists() else _missing()
        if route in ("GET /batches/*", "POST /batches/*/cancel") and parts[1] in self.batches:
            batch = self.batches[parts[1]]
            if route.startswith("POST"):
                batch["status"] = "cancelling"
            else:
                self.looks[parts[1]] += 1
                self._go_on(batch)
            return web.json_response(batch)
        return _missing()

    async def _send(self, request: web.Request, step: Step) -> web.StreamResponse:
        """A step as the rest of the server sends it."""
        call = Call(0, 1, "", [], {}, {}, request.path_qs, 0.0)
        keep, self._behaviour = self._behaviour, lambda _: step
        try:
            return await self._respond(request, call)
        finally:
            self._behaviour = keep

    async def _upload(self, request: web.Request) -> web.StreamResponse:
        name, purpose, given = f"file-{len(self.uploads)}", "", ""
        reader = await request.multipart()
        while (part := await reader.next()) is not None:
            if part.name == "purpose":  # type: ignore[union-attr]
                purpose = await part.text()  # type: ignore[union-attr]
            else:
                given = part.filename or ""  # type: ignore[union-attr]
                with self.file(name).open("wb") as file:
                    while chunk := await part.read_chunk(2**16):  # type: ignore[union-attr]
                        file.write(chunk)
        if purpose != "batch" or not given.endswith(".jsonl"):
            return _wrong(f"purpose {purpose!r}, file {given!r}")
        self.uploads.append(name)
        return web.json_response({"id": name, "object": "file", "purpose": purpose, "filename": given})

    def _create(self, body: dict[str, Any]) -> web.StreamResponse:
        if body.get("completion_window") != "24h" or body.get("endpoint") != "/v1/chat/completions":
            return _wrong("completion_window or endpoint")
        if not self.file(str(body.get("input_file_id"))).exists():
            return _wrong("no such file")
        return web.json_response(self._new(body))

    def _new(self, body: dict[str, Any]) -> dict[str, Any]:
        name = f"batch_{len(self.batches)}"
        batch = {
            "id": name,
            "object": "batch",
            "endpoint": body["endpoint"],
            "input_file_id": body["input_file_id"],
            "status": "validating",
            "created_at": 10**10,
            "metadata": body.get("metadata") if self.keep_marks else None,
            "output_file_id": None,
            "error_file_id": None,
            "errors": None,
            "request_counts": {"total": 0, "completed": 0, "failed": 0},
            "step": 0,
        }
        self.batches[name] = batch
        return batch

    def _list(self, request: web.Request) -> web.StreamResponse:
        rows = list(reversed(self.batches.values()))
        after = request.query.get("after")
        start = next((i + 1 for i, row in enumerate(rows) if row["id"] == after), 0)
        size = int(request.query.get("limit", 20))
        page = rows[start : start + size]
        return web.json_response({"object": "list", "data": page, "has_more": start + size < len(rows)})

    def finish(self) -> None:
        """A provider goes on whether or not anybody looks: let every batch come to its end."""
        for batch in self.batches.values():
            while batch["status"] not in _OVER:
                self._go_on(batch)

    def lines(self, batch: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """The requests of a batch."""
        with self.file(batch["input_file_id"]).open(encoding="utf-8") as file:
            yield from map(json.loads, file)

    def _go_on(self, batch: dict[str, Any]) -> None:
        if batch["status"] in _OVER:
            return
        if batch["status"] == "cancelling":
            self._end(batch, "cancelled")
            return
        if batch["step"] == 0 and not self._take(batch):
            return
        batch["step"] += 1
        if batch["step"] < len(_WAY):
            batch["status"] = _WAY[batch["step"]]
        else:
            self._end(batch, self.ends(batch))

    def _take(self, batch: dict[str, Any]) -> bool:
        """Validate a batch; False if it is refused."""
        ids, models, others = set(), set(), 0
        for line in self.lines(batch):
            ids.add(line["custom_id"])
            models.add(line["body"]["model"])
            others += line["method"] != "POST" or line["url"] != batch["endpoint"] or len(line["custom_id"]) > 64
        size = sum(1 for _ in self.lines(batch))
        waiting = sum(row["request_counts"]["total"] for row in self.batches.values() if row["status"] not in _OVER)
        problem = (
            ("duplicate_custom_id", "An id stands twice.")
            if len(ids) < size
            else ("mismatched_model", "Several models.")
            if len(models) > 1
            else ("invalid_request", "A line is wrong.")
            if others
            else ("too_many_requests", "Too many requests.")
            if size > self.most_requests
            else ("token_limit_exceeded", "Enqueued token limit reached.")
            if waiting + size > self.room
            else None
        )
        if problem:
            batch["status"] = "failed"
            batch["errors"] = {"object": "list", "data": [dict(zip(("code", "message"), problem, strict=True))]}
            return False
        batch["request_counts"]["total"] = size
        self.sizes.append(size)
        return True

    def _end(self, batch: dict[str, Any], status: str) -> None:
        """Do the requests; of a batch that expires or is cancelled, every second."""
        if status == "failed":
            batch["status"] = "failed"
            batch["errors"] = {"data": [{"code": "invalid", "message": "No such model.", "line": 1}]}
            return
        good, bad, counts = [], [], batch["request_counts"]
        for place, line in enumerate(self.lines(batch)):
            undone = status in ("expired", "cancelled") and place % 2 == 1
            row = _result(line, f"batch_{status}") if undone else self._do(line)
            if row is None:
                continue
            response = row["response"]
            fine = response is not None and response["status_code"] == 200
            if fine:
                self.done[line["custom_id"]] += 1
            (good if fine else bad).append(row)
        for field, rows in (("output_file_id", good), ("error_file_id", bad)):
            if rows:
                random.Random(len(rows)).shuffle(rows)
                batch[field] = f"{field[:3]}-{batch['id']}"
                text = "".join(json.dumps(row) + "\n" for row in rows)
                self.file(batch[field]).write_text(text, encoding="utf-8")
        counts["completed"], counts["failed"] = len(good), len(bad)
        batch["status"] = status

    def by_hand(self, requests: Path, status: str = "completed") -> list[Path]:
        """What somebody brings back who has sent a file by hand."""
        self.uploads.append(f"file-{len(self.uploads)}")
        self.file(self.uploads[-1]).write_bytes(requests.read_bytes())
        batch = self._new({"input_file_id": self.uploads[-1], "endpoint": "/v1/chat/completions"})
        assert self._take(batch)
        self._end(batch, status)
        return [self.file(batch[field]) for field in ("output_file_id", "error_file_id") if batch[field]]

    def _do(self, line: dict[str, Any]) -> dict[str, Any] | None:
        body = line["body"]
        messages = body["messages"]
        self._seen[line["custom_id"]] += 1
        call = Call(0, self._seen[line["custom_id"]], line["custom_id"], messages, body, {}, line["url"], 0.0)
        step = self._does(call)
        assert isinstance(step, Step)
        if step.drop:
            return None
        if step.hang:
            return _result(line, "batch_expired")
        response = {"status_code": step.status, "request_id": "r", "body": step.body}
        self._results += 1
        return {
            "id": f"batch_req_{self._results}",
            "custom_id": line["custom_id"],
            "response": response,
            "error": None,
        }


def _result(line: dict[str, Any], code: str) -> dict[str, Any]:
    error = {"code": code, "message": "This request could not be executed."}
    return {"id": "batch_req_0", "custom_id": line["custom_id"], "response": None, "error": error}


def _missing() -> web.StreamResponse:
    return web.json_response({"error": {"message": "No such object.", "code": "not_found"}}, status=404)


def _wrong(message: str) -> web.StreamResponse:
    return web.json_response({"error": {"message": message}}, status=400)

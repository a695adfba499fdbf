"""Consumes Upward's events, each once. `serve PORT` receives webhooks; `prove` (by cron) finds what they missed."""

import hashlib
import json
import os
import sqlite3
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer

import httpx
from standardwebhooks import Webhook

STORE = sqlite3.connect("consumer.db", timeout=10)
STORE.execute("create table if not exists handled (id text primary key)")
STORE.execute("create table if not exists proven (sequence integer, digest text, epoch text)")
API = httpx.Client(base_url=os.environ["UPWARD_URL"], timeout=60)
API.headers["authorization"] = f"Bearer {os.environ['UPWARD_KEY']}"


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body, status = self.rfile.read(int(self.headers["content-length"])), 400
        try:
            event = Webhook(os.environ["WEBHOOK_SECRET"]).verify(body, dict(self.headers))
            status = 500  # if it cannot be handled now: Upward sends it again
            handle(event)
            status = 204
        finally:
            self.send_response(status)
            self.end_headers()


def handle(event: dict[str, str]) -> None:
    with STORE:  # one transaction for the id, which is also the webhook-id, and for what your own work stores
        if STORE.execute("insert or ignore into handled values (?)", [event["id"]]).rowcount:
            print(int(event["sequence"]), event["type"], event["subject"], flush=True)


def prove() -> None:
    start = API.get("/v1/events/checkpoint", params={"at": 0}).raise_for_status().json()
    sequence, digest, epoch = STORE.execute("select * from proven").fetchone() or (0, start["digest"], start["epoch"])
    while (page := API.get("/v1/events", params={"after": sequence, "epoch": epoch})).json().get("events"):
        for event in page.json()["events"]:
            handle(event)
            told = {name: event[name] for name in ("id", "sequence", "type", "subject", "time", "data")}
            text = json.dumps(told, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
            sequence, digest = int(event["sequence"]), hashlib.sha256(bytes.fromhex(digest) + text.encode()).hexdigest()
    here = API.get("/v1/events/checkpoint", params={"at": sequence})
    same = here.is_success and here.json()["digest"] == digest
    if page.is_success and not same:
        sys.exit(f"the events up to {sequence} are not those that happened")
    found = (here if same else API.get("/v1/events/checkpoint")).raise_for_status().json()
    with STORE:  # if the log is another one now, first read again from the API everything that you keep of Upward
        STORE.execute("delete from proven")
        STORE.execute("insert into proven values (:sequence, :digest, :epoch)", found)
    print("complete up to" if same else "resync: events go on after", found["sequence"])


HTTPServer(("127.0.0.1", int(sys.argv[2])), Receiver).serve_forever() if sys.argv[1] == "serve" else prove()

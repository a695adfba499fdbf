"""A consumer of Upward's events: `serve PORT` takes webhooks; `prove`, run by cron, reads the feed, handles what no
webhook brought, and proves that nothing is missing. Both handle each event once."""

import hashlib
import json
import os
import sqlite3
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer

import httpx
from standardwebhooks import Webhook

STORE = sqlite3.connect("consumer.db")
STORE.execute("create table if not exists handled (id text primary key)")
STORE.execute("create table if not exists proven (one integer primary key, sequence integer, digest text)")
API = httpx.Client(base_url=os.environ["UPWARD_URL"], headers={"authorization": f"Bearer {os.environ['UPWARD_KEY']}"})


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
    with STORE:  # one transaction: the id, which is the webhook-id too, and whatever your own work stores
        if STORE.execute("insert or ignore into handled values (?)", [event["id"]]).rowcount:
            print(int(event["sequence"]), event["type"], event["subject"], flush=True)


def prove() -> None:
    start = API.get("/v1/events/checkpoint", params={"at": 0}).raise_for_status().json()["digest"]
    sequence, digest = STORE.execute("select sequence, digest from proven").fetchone() or (0, start)
    while (page := API.get("/v1/events", params={"after": sequence, "limit": 1000})).json().get("events"):
        for event in page.json()["events"]:
            handle(event)
            told = {name: event[name] for name in ("id", "sequence", "type", "subject", "time", "data")}
            text = json.dumps(told, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
            sequence, digest = int(event["sequence"]), hashlib.sha256(bytes.fromhex(digest) + text.encode()).hexdigest()
    resync = page.status_code in (409, 410)  # this is another log than the one we followed, or it begins later
    reached = API.get("/v1/events/checkpoint", params={} if resync else {"at": sequence}).raise_for_status().json()
    if not resync and reached["digest"] != digest:
        sys.exit(f"the events up to {sequence} are not those that happened")
    with STORE:  # before this, a resync reads anew, by the API, all that you keep of Upward's
        STORE.execute("insert or replace into proven values (1, ?, ?)", [reached["sequence"], reached["digest"]])
    print("resync: events go on after" if resync else "complete up to", reached["sequence"])


if sys.argv[1] == "serve":
    HTTPServer(("127.0.0.1", int(sys.argv[2])), Receiver).serve_forever()
prove()

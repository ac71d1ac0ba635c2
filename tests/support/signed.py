"""A small exchange that checks signatures by the venues' documents, knowing none of our code."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEY, SECRET = "a-key-of-the-tests-account", "the-secret-of-the-tests-account"


def _hex(text: str) -> str:
    return hmac.new(SECRET.encode(), text.encode(), hashlib.sha256).hexdigest()


def _late(stamp: str) -> bool:
    return not stamp.isdigit() or abs(time.time() * 1e3 - int(stamp)) > 5_000


class _Exchange(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        status, answer = (404, {}) if path not in ROUTES else ROUTES[path](self.headers, query)
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Quiet."""


def _bybit(headers: Any, query: str) -> tuple[int, Any]:
    stamp, window = headers["X-BAPI-TIMESTAMP"], headers["X-BAPI-RECV-WINDOW"]
    if headers["X-BAPI-API-KEY"] != KEY:
        return 200, {"retCode": 10003, "retMsg": "API key is invalid.", "result": {}}
    if _late(stamp):
        return 200, {"retCode": 10002, "retMsg": "invalid request, please check your timestamp", "result": {}}
    if headers["X-BAPI-SIGN"] != _hex(stamp + KEY + window + query):
        return 200, {"retCode": 10004, "retMsg": "Error sign, please check your signature generation algorithm."}
    coins = [{"coin": "BTC", "walletBalance": "0.100000000000000001", "locked": "0.05", "equity": "0.1"},
             {"coin": "USDT", "walletBalance": "0", "locked": "0"}]  # fmt: skip
    return 200, {"retCode": 0, "retMsg": "OK", "result": {"list": [{"accountType": "UNIFIED", "coin": coins}]}}


def _binance(headers: Any, query: str) -> tuple[int, Any]:
    signed, _, signature = query.rpartition("&signature=")
    words = dict(part.split("=") for part in signed.split("&"))
    if headers["X-MBX-APIKEY"] != KEY:
        return 401, {"code": -2015, "msg": "Invalid API-key, IP, or permissions for action."}
    if _late(words["timestamp"]):
        return 400, {"code": -1021, "msg": "Timestamp for this request is outside of the recvWindow."}
    if signature != _hex(signed):
        return 400, {"code": -1022, "msg": "Signature for this request is not valid."}
    held = [{"asset": "ETH", "free": "1.5", "locked": "0.25"}, {"asset": "BNB", "free": "0.0", "locked": "0.0"}]
    return 200, {"canTrade": False, "balances": held}


ROUTES = {"/v5/account/wallet-balance": _bybit, "/api/v3/account": _binance}


@contextmanager
def exchange() -> Iterator[str]:
    """Its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Exchange)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

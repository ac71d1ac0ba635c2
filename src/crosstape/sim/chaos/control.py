"""The control endpoint of a simulated venue: GET, POST and DELETE /chaos/faults, GET /chaos/kinds."""

from __future__ import annotations

import msgspec
from aiohttp import web
from msgspec import Struct

from crosstape.model.errors import ConfigError
from crosstape.sim.chaos.kinds import KINDS
from crosstape.sim.chaos.lab import Lab
from crosstape.sim.chaos.language import SHARED

ROOT = "/chaos"
WANTED = 'a JSON object such as {"fault": "gap:BTCUSDT@5s"}'


class Order(Struct, forbid_unknown_fields=True):
    """What is posted."""

    fault: str


async def control(lab: Lab, request: web.Request) -> web.Response:
    """Answers one request below /chaos. Errors are {"error": why}."""
    path = request.path.removeprefix(ROOT).strip("/")
    if path == "kinds" and request.method == "GET":
        return said(200, {"kinds": [described(kind.name) for kind in KINDS]})
    what, _, number = path.partition("/")
    if what != "faults":
        return said(404, {"error": "no such path; allowed: /chaos/faults, /chaos/faults/{id}, /chaos/kinds"})
    if request.method == "GET" and not number:
        return said(200, {"faults": [msgspec.structs.asdict(fault) for fault in lab.listed()]})
    if request.method == "POST" and not number:
        return added(lab, await request.read())
    if request.method == "DELETE":
        return removed(lab, number)
    return said(405, {"error": f"{request.method} is not possible here; allowed: GET, POST, DELETE"})


def added(lab: Lab, body: bytes) -> web.Response:
    """201 with the fault's id, 400 with what is wrong."""
    try:
        number = lab.add(msgspec.json.decode(body, type=Order).fault)
    except msgspec.MsgspecError as error:
        return said(400, {"error": f"the body is not {WANTED}: {error}"})
    except ConfigError as error:
        return said(400, {"error": str(error)})
    return said(201, {"id": number})


def removed(lab: Lab, number: str) -> web.Response:
    """One, or all."""
    if not number:
        lab.clear()
    elif not number.isdigit() or not lab.remove(int(number)):
        known = ", ".join(str(fault.id) for fault in lab.listed()) or "none are in force"
        return said(404, {"error": f"no fault {number!r}; allowed: {known}"})
    return said(200, {"faults": [msgspec.structs.asdict(fault) for fault in lab.listed()]})


def described(name: str) -> dict[str, object]:
    """A kind for people."""
    kind = next(kind for kind in KINDS if kind.name == name)
    return {"kind": kind.name, "target": kind.target, "what": kind.what, "parameters": {**kind.defaults, **SHARED}}


def said(status: int, body: object) -> web.Response:
    """JSON."""
    return web.Response(status=status, body=msgspec.json.encode(body), content_type="application/json")

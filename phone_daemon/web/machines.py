"""`GET /v1/machines`: every daemon, its machine, its processes, and its trunks."""

from __future__ import annotations

from fastapi import APIRouter, HTTPException, Request

from phone_daemon.web.api_models import Machines
from phone_daemon.web.auth import Watcher
from phone_daemon.web.control import some
from phone_daemon.web.machine_history import MachineHistory

router = APIRouter(prefix="/v1")


@router.get("/machines", tags=["health"], responses=some(503))
async def list_machines(request: Request, who: Watcher) -> Machines:
    """Lists every daemon with its machine, processes, and trunks, now and during the last half hour."""
    history: MachineHistory = request.app.state.web.machines
    if history.problem:
        raise HTTPException(503, history.problem)
    return Machines(machines=history.now())

"""`GET /v1/models`: what a client may ask for, by name."""

from starlette.requests import Request
from starlette.responses import JSONResponse

from router import policy
from router.config import Config, Policy
from router.generations import runtime_of
from router.policy.entitlement import may_ask
from router.policy.routes import unknown
from router.runtime import Runtime


async def list_models(request: Request) -> JSONResponse:
    """What the caller may ask for: policies first, then models, models under their adapters, aliases without a wildcard."""
    runtime, caller = runtime_of(request), request.scope["state"]["ticket"].caller
    names = [name for name in _names(runtime.config) if may_ask(runtime.config, name, caller)]
    data = [_entry(runtime, name) for name in names]
    ends = {"first_id": names[0] if names else None, "last_id": names[-1] if names else None}
    return JSONResponse({"object": "list", "data": data, "has_more": False, **ends})


async def show_model(request: Request) -> JSONResponse:
    """One of them, wildcard aliases included.

    Raises:
        ModelNotFound: nothing has that name, or nothing that the caller may ask for: a refusal would say that it exists.
    """
    runtime, caller = runtime_of(request), request.scope["state"]["ticket"].caller
    name = request.path_params["name"]
    if not may_ask(runtime.config, name, caller):
        raise unknown(name)
    return JSONResponse(_entry(runtime, name))


def _names(config: Config) -> list[str]:
    aliases = [alias for alias in config.aliases if "*" not in alias]
    adapted = [f"{name}:{adapter}" for name, model in config.models.items() for adapter in model.adapters]
    return [*config.policies, *config.models, *adapted, *(alias for alias in aliases if alias not in config.models)]


def _entry(runtime: Runtime, name: str) -> dict[str, object]:
    resolved = policy.resolve_model(runtime.config, name)
    entry: dict[str, object] = {
        "id": name,
        "object": "model",
        "created": 0,
        "owned_by": "shunt",
        # The same in Anthropic's words, for its SDK.
        "type": "model",
        "display_name": name,
        "created_at": "1970-01-01T00:00:00Z",
    }
    if isinstance(resolved, Policy):
        return entry | {"shunt": {"kind": "policy", "policy": resolved.name, "targets": list(runtime.config.tiers)}}
    target = runtime.targets[resolved.name]
    state = target.state()
    return entry | {
        "shunt": {
            "kind": "model",
            "backend": resolved.backend,
            "zone": resolved.zone,
            "can": sorted(resolved.can),
            "context": target.config.context,
            "status": state.status,
            "status_reason": state.reason,
        }
    }

"""A local model by its name: for what only its own vocabulary can tell."""

from router.backends.local import LocalBackend
from router.config import ModelConfig
from router.errors import BadRequest
from router.limits.ticket import Ticket
from router.policy.entitlement import may_ask
from router.policy.routes import resolve_model, unknown
from router.runtime import Runtime


def local_model(runtime: Runtime, name: str, ticket: Ticket, *, param: str) -> LocalBackend:
    """The local model called `name`; the error for any other one is about `param`.

    Raises:
        ModelNotFound: nothing is called that, or nothing that the caller may know of.
        BadRequest: it is a policy, or a model somewhere else.
    """
    if not may_ask(runtime.config, name, ticket.caller):
        raise unknown(name)
    model = resolve_model(runtime.config, name)
    target = runtime.targets[model.name] if isinstance(model, ModelConfig) else None
    if not isinstance(target, LocalBackend):
        raise BadRequest("Token ids mean something to a local model only: ask for one by name.", param=param)
    return target

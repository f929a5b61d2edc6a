"""Which names lead where, and which targets a policy can ever use. Pure."""

from router.config import Config, ModelConfig, Policy, Rule
from router.errors import ModelNotFound
from router.policy.memo import ByIdentity

DIRECT = "direct"  # what a decision says in place of a policy when a model was asked for by name
ASKED = "asked"  # and in place of a rule


def resolve_model(config: Config, name: str) -> Policy | ModelConfig:
    """The policy or the model that a client's `model` means; of several aliases that fit, the longest.

    `small:finance` is the model `small` under its adapter `finance`.

    Raises:
        ModelNotFound: the name is neither a policy, a model nor an alias.
    """
    found = _named(config, name) or _named(config, _alias(config, name))
    if found is None:
        raise unknown(name)
    return found


def unknown(name: str) -> ModelNotFound:
    """What is said of a name that nothing has, or nothing that the caller may know of."""
    return ModelNotFound(
        f"The model '{_printable(name)}' does not exist; GET /v1/models lists what does.", param="model"
    )


def adapter_of(config: Config, name: str) -> str | None:
    """The adapter that a client's `model` asks for."""
    full = name if _named(config, name) else _alias(config, name)
    return None if full in config.policies or full in config.models else full.partition(":")[2] or None


def _reach(policy: Policy) -> tuple[str, ...]:
    """Every target that the policy names: by its rules, `on_failure`, `spill` and `verify`. Nothing else is ever used."""
    named = [name for rule in policy.select for name in _named_by(rule) if name is not None]
    relief = () if policy.spill is None else (policy.spill.to,)
    checked = () if policy.verify is None else (policy.verify.target, policy.verify.escalate_to)
    return tuple(dict.fromkeys((*named, *policy.on_failure, *relief, *checked)))


def shadow_hops(policy: Policy) -> tuple[str, ...]:
    """Every model that may see a request in the shadow of its answer: no client ever gets what it says."""
    shadow = policy.shadow
    named = () if shadow is None else (*shadow.targets, shadow.judge, shadow.embedder)
    return tuple(dict.fromkeys(name for name in named if name is not None))


def _named_by(rule: Rule) -> tuple[str | None, ...]:
    return (
        rule.target,
        *(name for name, _ in rule.split),
        rule.low,
        rule.abstain.target if rule.abstain else None,
        rule.high,
    )


def _named(config: Config, name: str) -> Policy | ModelConfig | None:
    return config.policies.get(name) or config.models.get(name) or _adapted(config, name)


def _adapted(config: Config, name: str) -> ModelConfig | None:
    base, _, adapter = name.partition(":")
    model = config.models.get(base)
    return model if model is not None and adapter in model.adapters else None


def _alias(config: Config, name: str) -> str:
    if name in config.aliases:
        return config.aliases[name]
    fitting = (alias for alias in config.aliases if alias.endswith("*") and name.startswith(alias[:-1]))
    return config.aliases.get(max(fitting, key=len, default=""), "")


def _printable(name: str) -> str:
    return "".join(char if char.isascii() and char.isprintable() else "?" for char in name[:64])


reach = ByIdentity(_reach)
"""Every target that a policy names, by its rules or beside them. Nothing else is ever used."""

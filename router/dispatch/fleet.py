"""The targets of one configuration, with what is remembered of them."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from router.backends.base import Backend
from router.dispatch.health import Health


@dataclass(frozen=True, slots=True)
class Fleet:
    """The targets by name, and how each has been doing."""

    backends: Mapping[str, Backend]
    health: Health

    @classmethod
    def fresh(cls, backends: Mapping[str, Backend]) -> "Fleet":
        """Targets of which nothing is known yet."""
        return cls(backends, Health(backend.config for backend in backends.values()))

    def renewed(self, backends: Mapping[str, Backend], kept: Collection[str]) -> "Fleet":
        """Other targets, with what is remembered of those that are `kept`."""
        return Fleet(backends, self.health.renewed((backend.config for backend in backends.values()), kept))

    def states(self) -> dict[str, str]:
        """The status of each target; `shut` is one that could be asked but is left alone because it keeps failing."""
        return {name: self._state(name, backend) for name, backend in self.backends.items()}

    def _state(self, name: str, backend: Backend) -> str:
        state = backend.state()
        return "shut" if state.is_ready and not self.health.admits(name) else state.status

"""The tools of a request: functions travel, namespaces are flattened, and what OpenAI's servers would run is dropped."""

from collections.abc import Iterable, Iterator, Mapping

from router.api.responses.schema import ResponsesBody, Tool, ToolChoice
from router.chat import Json
from router.errors import BadRequest


class Toolbox:
    """What the client offers; `namespaces` says which one a function came out of, `dropped` names what is not served."""

    def __init__(self, body: ResponsesBody) -> None:
        self.namespaces: dict[str, str] = {}
        self.dropped: set[str] = set()
        self._functions: dict[str, Json] = {}
        self._collect(body.tools or (), None)
        self._choice = body.tool_choice
        self._is_parallel = body.parallel_tool_calls

    def params(self) -> Iterator[tuple[str, object]]:
        """What a target is asked with.

        Raises:
            BadRequest: `tool_choice` asks for a tool that is not there.
        """
        functions, choice = self._functions, self._choice
        if isinstance(choice, ToolChoice) and choice.type == "allowed_tools":
            names = {str(tool.get("name")) for tool in choice.tools or ()}
            functions = {name: tool for name, tool in functions.items() if name in names}
            choice = choice.mode or "auto"
        named = choice.name if isinstance(choice, ToolChoice) and choice.type == "function" else None
        is_missing = (isinstance(choice, ToolChoice) and named not in functions) or (
            choice == "required" and not functions
        )
        if is_missing:
            raise BadRequest("Invalid value for `tool_choice`: no such tool is in `tools`.", param="tool_choice")
        if functions:
            yield "tools", [*functions.values()]
            if choice is not None:
                yield "tool_choice", choice if named is None else {"type": "function", "function": {"name": named}}
            if self._is_parallel is not None:
                yield "parallel_tool_calls", self._is_parallel

    def _collect(self, tools: Iterable[Tool], namespace: str | None) -> None:
        for tool in tools:
            if tool.type == "namespace":
                self._collect(tool.tools or (), tool.name)
            elif tool.type == "function" and tool.name is not None:
                self._functions[tool.name] = _function(tool)
                if namespace is not None:
                    self.namespaces[tool.name] = namespace
            else:
                self.dropped.add(f"tools.{tool.type}")


def _function(tool: Tool) -> Json:
    optional = {"description": tool.description, "strict": tool.strict}
    said = {name: value for name, value in optional.items() if value is not None}
    return {
        "type": "function",
        "function": {"name": tool.name, "parameters": tool.parameters or {"type": "object"}, **said},
    }


def shown(tools: object) -> list[Json]:
    """The tools as a response repeats them: functions with all the fields that OpenAI's own type asks for."""
    given = [tool for tool in tools if isinstance(tool, Mapping)] if isinstance(tools, list) else []
    return [{"parameters": None, "strict": None, **tool} if tool.get("type") == "function" else tool for tool in given]

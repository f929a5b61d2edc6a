"""Which unknown fields are dropped by name, and which are refused because they could redirect a request or its key."""

from collections.abc import Iterable

from router.errors import UnknownField

# What a gateway's client library would act on if it ever saw it: endpoints, credentials, callbacks, price overrides.
# The list is litellm's own `_BANNED_REQUEST_BODY_PARAMS` and fallback fields, and the raw escape hatches of the SDKs.
DANGEROUS = frozenset(
    {
        "agentcore_runtime_session_id", "allowed_openai_params", "anthropic-workspace-id", "anthropic_workspace_id",
        "api_base", "api_key", "api_type", "api_version", "azure_ad_token", "azure_ad_token_provider", "base_url",
        "bedrock_tags", "callbacks", "client", "content_policy_fallbacks", "context_window_fallbacks",
        "custom_llm_provider", "default_headers", "deployment_id", "deployment_url", "extra_body", "extra_headers",
        "extra_query", "failure_callback", "fallbacks", "fireworks_forward_user_id", "headers", "http_client",
        "input_cost_per_token", "litellm_params", "mock_response", "mock_timeout", "mock_tool_calls", "model_info",
        "model_list", "no-log", "num_retries", "nvcf_function_id", "organization", "output_cost_per_token",
        "project_id", "proxy", "proxy_server_request", "region_name", "router_settings_override", "rust",
        "s3_endpoint_url", "sagemaker_base_url", "shared_session", "ssl_verify", "success_callback", "use_ssl",
        "user_config", "vertex_ai_credentials", "vertex_credentials", "workspace_id",
    }
)  # fmt: skip
DANGEROUS_PREFIXES = ("aws_", "azure_", "vertex_", "langfuse_", "langsmith_", "litellm_", "arize_", "gcs_")
MAX_NAMES = 20
MAX_NAME_CHARS = 64


def refuse_dangerous(names: Iterable[str]) -> None:
    """Raise UnknownField for the first name that must never travel."""
    for name in names:
        lowered = name.lower()
        if lowered in DANGEROUS or lowered.startswith(DANGEROUS_PREFIXES):
            raise UnknownField("This field is not accepted from a request.", param=printable(name))


def ignored_header(names: Iterable[str]) -> str:
    """The value of `x-shunt-ignored`: the dropped fields, bounded in number and length."""
    return ", ".join(printable(name) for name in sorted(names)[:MAX_NAMES])


def printable(name: str) -> str:
    """A client's name made safe for a header or an error: short, printable ASCII."""
    return "".join(char if char.isascii() and char.isprintable() else "?" for char in name[:MAX_NAME_CHARS])

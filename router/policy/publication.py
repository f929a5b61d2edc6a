"""The JSON Schema of the policy file, for editors."""

from router.policy.schema_models import PolicyFile


def json_schema() -> dict[str, object]:
    """The schema of shunt.yaml in JSON Schema's 2020-12 draft."""
    schema = PolicyFile.model_json_schema()
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = "Shunt policy file"
    return schema

"""What clients need of a server, gathered from their traffic, their source and their users' reports, with our tests.

A row without a test says in `gap` what is missing; a row with both says what its tests leave open.
"""

from dataclasses import dataclass

MATRIX = "tests/clients/test_matrix.py::test_a_client_gets_what_it_asks_for"
PYTHON = "tests/clients/test_openai_python.py"
ANTHROPIC = "tests/clients/test_anthropic_python.py"
GATE = "tests/gate/test_gate.py"
SURFACE = "tests/api/test_surface.py"
PARSE = "tests/api/test_parse.py"
FRAMING = "tests/dispatch/test_framing.py"


@dataclass(frozen=True)
class Row:
    """One behaviour."""

    number: str
    promise: str
    tests: tuple[str, ...] = ()
    gap: str = ""


ERRORS = (
    Row("1", "Every error is OpenAI's envelope: validation, unknown paths and methods, defects",
        (f"{SURFACE}::test_row_14_what_does_not_exist_is_in_the_envelope",
         f"{GATE}::test_a_defect_answers_in_the_envelope_and_says_nothing")),
    Row("2", "All four keys of it are there; `code` is a string or null",
        (f"{SURFACE}::test_row_14_what_does_not_exist_is_in_the_envelope",)),
    Row("3", "A wrong value is a 400 that names its field", (f"{PARSE}::test_row_7_a_wrong_value_names_its_field",)),
    Row("4", "Malformed JSON is a 400", ("tests/api/test_body.py::test_rows_1_to_3_malformed_json_is_refused",)),
    Row("5", "An unknown model is a 404 `model_not_found`", (f"{PYTHON}::test_errors_are_the_sdks_own", MATRIX)),
    Row("6", "A wrong key is a 401 in the envelope", (f"{GATE}::test_row_12_a_wrong_key_is_401",)),
    Row("7", "A body that is too large is a 413 in the envelope",
        (f"{SURFACE}::test_row_4_a_chunked_body_is_cut_at_the_cap",)),
    Row("8", "A 429 has `Retry-After` in whole seconds, below 120",
        (f"{GATE}::test_retry_after_is_whole_seconds_below_two_minutes",)),
    Row("9", "`x-should-retry: false` once a target has failed, so that SDKs do not multiply the attempts",
        (f"{GATE}::test_an_upstream_failure_tells_sdks_not_to_retry",
         "tests/clients/test_matrix.py::test_no_sdk_repeats_what_the_router_gave_up")),
    Row("10", "A target's own refusal keeps its status and words",
        ("tests/backends/test_direct.py::test_a_refusal_keeps_its_words",)),
    Row("11", "Errors of `/v1/messages` are Anthropic's",
        ("tests/gate/test_anthropic.py::test_each_error_has_anthropics_status_and_type", MATRIX)),
)  # fmt: skip
STREAMS = (
    Row("12", "An error before the first byte has its real status, never 200",
        (f"{SURFACE}::test_row_25_an_error_before_the_first_token_has_its_real_status",)),
    Row("13", "`text/event-stream`, `no-cache`, `X-Accel-Buffering: no`",
        ("tests/clients/test_wire.py::test_a_stream_is_not_buffered_on_its_way",)),
    Row("14", "The first delta has the role, later ones do not", (f"{FRAMING}::test_the_role_comes_once_for_each_choice",)),
    Row("15", "One id, `created` and model over all chunks", (f"{PYTHON}::test_a_stream_has_openai_shape",)),
    Row("16", "Exactly one `finish_reason`, always", (f"{PYTHON}::test_a_stream_has_openai_shape",)),
    Row("17", "The chunk that finishes is empty (Home Assistant reads no further)",
        (f"{FRAMING}::test_the_finish_delta_is_empty",)),
    Row("18", "Usage last, and only when asked for",
        (f"{FRAMING}::test_usage_if_asked_for", f"{FRAMING}::test_no_usage_unless_asked_for")),
    Row("19", "`choices` is in every chunk", (f"{PYTHON}::test_a_stream_has_openai_shape",)),
    Row("20", "`[DONE]` ends a stream, and it closes",
        ("tests/clients/test_wire.py::test_done_is_the_last_event", MATRIX)),
    Row("21", "A pause is filled with `: ping` comments only",
        ("tests/api/test_edge.py::test_a_silent_stream_is_kept_alive",
         "tests/api/test_edge.py::test_another_target_takes_over_behind_the_comments")),
    Row("22", "A failure in the middle is one error event: no finish reason, no `[DONE]`",
        (f"{SURFACE}::test_rows_26_and_27_a_broken_stream_ends_in_one_error_event", MATRIX)),
    Row("23", "Comments that arrive from a target are ignored", ("tests/backends/test_sse.py::test_reads_the_grammar",)),
)  # fmt: skip
TOOLS = (
    Row("24", "Deltas of calls have an index; id, type and name come once",
        ("tests/backends/test_toolcalls.py::test_names_are_said_once", MATRIX)),
    Row("25", "`tool_calls` is the reason where calls were made, never with an empty list",
        ("tests/backends/test_local_request.py::test_tool_calls_are_openais_deltas", MATRIX)),
    Row("26", "`tool_choice` none, auto, required and named; `parallel_tool_calls: false`",
        ("tests/engine/test_tools.py::test_the_choice_says_what_may_be_called",
         "tests/engine/test_child_structure.py::test_a_named_function_is_called", MATRIX)),
    Row("27", "`content: null` beside calls, in answers and in history",
        (f"{FRAMING}::test_a_tool_call_has_null_content", MATRIX)),
    Row("28", "Arguments are a JSON string; ids are letters, digits, `-` and `_`",
        ("tests/clients/test_wire.py::test_ids_of_calls_are_plain", MATRIX)),
    Row("29", "JSON schemas with and without `strict`, with `$schema`, `$ref`, `title`",
        ("tests/engine/test_schema.py::test_the_grammar_takes_what_the_schema_takes", MATRIX)),
    Row("30", "Log probabilities with bytes and alternatives; `refusal` is there",
        ("tests/backends/test_local.py::test_logprobs_are_openais",)),
)  # fmt: skip
REQUESTS = (
    Row("31", "Unknown fields are named and left out; wrong values of known ones are a 400",
        (f"{PARSE}::test_unknown_fields_are_dropped_and_named", f"{PYTHON}::test_what_a_target_ignores_is_named")),
    Row("32", "`developer` is `system`; content as string or parts; several system messages",
        (f"{PYTHON}::test_a_conversation_is_answered",
         "tests/engine/test_child_chat.py::test_developer_is_system_and_parts_are_text")),
    Row("33", "Both names of the limit, clamped to the window; what does not fit goes to a larger one or is refused",
        (f"{PYTHON}::test_a_limit_is_kept_and_told", f"{PYTHON}::test_a_limit_beyond_the_window_is_clamped",
         f"{PYTHON}::test_a_prompt_beyond_the_window_takes_the_larger_one",
         f"{PYTHON}::test_a_prompt_beyond_the_only_window_is_refused")),
    Row("34", "`n`, `seed`, `stop` work",
        ("tests/backends/test_local.py::test_several_choices", f"{PYTHON}::test_a_seed_repeats_the_text",
         f"{PYTHON}::test_a_stop_string_ends_the_answer_and_is_not_in_it")),
    Row("35", "Embeddings as base64 and from token ids",
        ("tests/clients/test_openai_embeddings.py::test_base64_and_float_agree",
         "tests/clients/test_openai_embeddings.py::test_token_ids_are_an_input")),
)  # fmt: skip
TRANSPORT = (
    Row("36", "`Authorization: Bearer` and `x-api-key` on every route", (f"{GATE}::test_a_key_opens_in_both_headers",)),
    Row("37", "`OPTIONS` without a key, `HEAD /`, bare paths and doubled slashes",
        ("tests/api/test_edge.py::test_methods_and_paths",
         f"{GATE}::test_a_browsers_question_needs_no_key")),
    Row("38", "The list of models at once, also while a model is loading",
        ("tests/clients/test_openai_python.py::test_models_are_listed",
         "tests/api/test_models.py::test_models_are_listed_while_they_load")),
    Row("39", "Leaving stops the work, streamed or not",
        ("tests/e2e/test_serve.py::test_a_client_that_leaves_stops_the_work",
         "tests/e2e/test_local_only.py::test_row_31_a_client_that_leaves_stops_the_local_work", MATRIX)),
    Row("40", "`x-request-id` on every answer, `x-ratelimit-*` where there are limits, the decision in headers",
        (f"{GATE}::test_every_answer_has_an_id_and_what_the_route_said",
         "tests/limits/test_quotas.py::test_headers_tell_the_limit_that_leaves_least",
         f"{SURFACE}::test_answers_say_who_answered_and_why")),
)  # fmt: skip
MESSAGES = (
    Row("M1", "Each event of `/v1/messages` has its `event:` line, in Anthropic's order",
        ("tests/api/test_messages_frames.py::test_the_events_come_in_anthropics_order",
         "tests/clients/test_published.py::test_a_stream_is_the_published_one", MATRIX)),
    Row("M2", "System turns among the messages are understood; they come first where a local model's template wants that",
        ("tests/api/test_messages_parse.py::test_a_system_turn_stays_where_it_is",
         "tests/engine/test_templates.py::test_system_turns_between_the_others_come_first_where_a_template_takes_one")),
    Row("M3", "The billing line is left out, and reaches no model",
        ("tests/api/test_messages_parse.py::test_a_billing_line_is_taken_off_and_named",)),
    Row("M4", "Thoughts and signatures of another provider reach no model that cannot read them",
        ("tests/api/test_messages_parse.py::test_a_thought_that_nobody_signed_is_dropped_by_name",
         "tests/api/test_messages_parse.py::test_a_signed_thought_travels_beside_what_was_said",
         "tests/backends/test_unheeded.py::test_another_models_thoughts_do_not_reach_a_local_one")),
)  # fmt: skip
CHECKLIST = {
    "Errors": ERRORS,
    "Streams": STREAMS,
    "Tools and structure": TOOLS,
    "Requests": REQUESTS,
    "HTTP": TRANSPORT,
    "Messages": MESSAGES,
}

"""The counts of client, metrics and ledger are compared in full."""

from benchmarks.agreement import sum_of

EXPOSITION = """\
# HELP gen_ai_client_operation_duration_seconds Time.
# TYPE gen_ai_client_operation_duration_seconds histogram
gen_ai_client_operation_duration_seconds_bucket{model="a",le="+Inf"} 3.0
gen_ai_client_operation_duration_seconds_count{model="a"} 3.0
gen_ai_client_operation_duration_seconds_sum{model="a"} 0.5
gen_ai_client_operation_duration_seconds_bucket{model="b",le="+Inf"} 4.0
gen_ai_client_operation_duration_seconds_count{model="b"} 4.0
gen_ai_client_operation_duration_seconds_sum{model="b"} 0.5
"""


def test_a_metric_is_summed_over_its_labels():
    """Every series of the sample counts, and no other sample of the same metric does."""
    assert 7 == sum_of(EXPOSITION, "gen_ai_client_operation_duration_seconds_count")


def test_a_metric_that_is_not_there_is_zero():
    """Nothing observed yet is a count of 0."""
    assert 0 == sum_of("", "gen_ai_client_operation_duration_seconds_count")

from web.log_fields import log_fields, log_scope, note_log_fields


def test_a_scope_has_its_fields_and_what_is_noted_within() -> None:
    with log_scope(arrival_ids=[1]):
        note_log_fields(step="second")

        assert log_fields() == {"arrival_ids": [1], "step": "second"}

    assert log_fields() == {}


def test_what_is_noted_outside_of_a_scope_stays_nowhere() -> None:
    note_log_fields(arrival_ids=[1])

    assert log_fields() == {}


def test_a_scope_within_another_ends_alone() -> None:
    with log_scope(arrival_ids=[1]):
        with log_scope(arrival_ids=[2]):
            pass

        assert log_fields() == {"arrival_ids": [1]}

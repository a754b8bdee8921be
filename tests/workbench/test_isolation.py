import pytest

from workbench.isolation import Isolated


def test_steps_that_raise_nothing_raise_nothing() -> None:
    with Isolated("some failed") as isolated, isolated.step():
        pass


def test_every_step_has_its_turn_and_every_fault_is_raised_at_the_end() -> None:
    done = []

    with pytest.RaisesGroup(OSError, ValueError, match="some failed"), Isolated("some failed") as isolated:
        for number, fault in enumerate([OSError(), None, ValueError(), None]):
            with isolated.step():
                done.append(number)
                if fault:
                    raise fault
    assert done == [0, 1, 2, 3]


def test_what_is_raised_outside_of_a_step_goes_its_own_way() -> None:
    def fail_within_and_outside() -> None:
        with Isolated("some failed") as isolated:
            with isolated.step():
                raise OSError
            raise KeyError

    with pytest.raises(KeyError):
        fail_within_and_outside()


def test_an_interruption_is_not_kept_for_the_end() -> None:
    with pytest.raises(KeyboardInterrupt), Isolated("some failed") as isolated, isolated.step():
        raise KeyboardInterrupt

"""How hard hypothesis tries: HYPOTHESIS_PROFILE=thorough is for long runs, the default for every run."""

import os

from hypothesis import HealthCheck, Phase, settings

SCALE = {"ci": 1, "thorough": 40}[os.environ.get("HYPOTHESIS_PROFILE", "ci")]


def examples(count: int, *, steps: int = 50) -> settings:
    """Settings for a test that uses the database: `count` examples, 40 times as many when thorough.

    Of a state machine, each example has up to `steps` steps.
    """
    return settings(
        max_examples=count * SCALE,
        stateful_step_count=steps,
        deadline=None,
        print_blob=True,
        phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
        suppress_health_check=[
            HealthCheck.function_scoped_fixture,
            HealthCheck.too_slow,
            HealthCheck.data_too_large,
        ],
    )

from config.formats.en.formats import *  # noqa: F403  # The admin, and what is for programs.

TEXT_DAY = "j. M Y"
TEXT_DAY_OF_YEAR = "j. M"
TEXT_DAY_OF_MONTH = "j."
TEXT_MONTH = "M Y"
TEXT_LONG_DAY = "j. F Y"
TEXT_MOMENT = "j. M Y H:i"
TEXT_POINT = ","
TEXT_THOUSANDS = "."
TEXT_PERCENT = "{}\N{NO-BREAK SPACE}%"
TEXT_DOLLARS = "{}\N{NO-BREAK SPACE}$"
TEXT_KEEPS_CAPITALS = True

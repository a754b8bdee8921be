# The admin: ISO dates.
DATE_FORMAT = SHORT_DATE_FORMAT = "Y-m-d"
TIME_FORMAT = "H:i:s"
DATETIME_FORMAT = SHORT_DATETIME_FORMAT = "Y-m-d H:i:s"
MONTH_DAY_FORMAT = "m-d"
YEAR_MONTH_FORMAT = "Y-m"
FIRST_DAY_OF_WEEK = 1
DATE_INPUT_FORMATS = ["%Y-%m-%d"]
TIME_INPUT_FORMATS = ["%H:%M:%S", "%H:%M"]
DATETIME_INPUT_FORMATS = ["%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M"]

# What a template writes by itself is for programs: the coordinates of a drawing, the value of a field.
DECIMAL_SEPARATOR = "."
THOUSAND_SEPARATOR = ""

# The portal's own pages: for the filter `date`, and for kpis.formatting.
TEXT_DAY = "j M Y"
TEXT_DAY_OF_YEAR = "j M"
TEXT_DAY_OF_MONTH = "j"
TEXT_MONTH = "M Y"
TEXT_LONG_DAY = "j F Y"
TEXT_MOMENT = "j M Y H:i"
TEXT_POINT = "."
TEXT_THOUSANDS = ","
TEXT_PERCENT = "{}%"
TEXT_DOLLARS = "${}"
# Whether a label keeps its first letter within a sentence.
TEXT_KEEPS_CAPITALS = False

from telemetry.plan.codes import NoticeCode, RejectionCode
from web.runbooks import read_runbook


def test_the_page_of_rejections_has_a_section_for_each_code() -> None:
    sections = [section.anchor for section in read_runbook("rejections")]

    assert sections == [*RejectionCode, NoticeCode.DEPRECATED]

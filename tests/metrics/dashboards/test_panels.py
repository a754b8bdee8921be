from metrics.dashboards.panels import WIDTH, Dashboard, Panel, PanelRow, Query, Variable, dashboard_json


def made(*rows: PanelRow, variables: tuple[Variable, ...] = ()) -> dict:  # type: ignore[type-arg]
    return dashboard_json(Dashboard(uid="u", title="T", description="D", variables=variables, rows=rows))


def panel(title: str = "p", **more: int) -> Panel:
    return Panel(title=title, queries=[Query("up")], **more)  # type: ignore[arg-type]


def test_panels_go_from_left_to_right_and_from_top_to_bottom() -> None:
    rows = (
        PanelRow("one", [panel(width=16, height=8), panel(width=8, height=4), panel(width=12, height=6)]),
        PanelRow("two", [panel(width=24, height=3)]),
    )

    places = [tuple(found["gridPos"].values()) for found in made(*rows)["panels"]]

    assert places == [
        (0, 0, WIDTH, 1),
        (0, 1, 16, 8),
        (16, 1, 8, 4),
        (0, 9, 12, 6),
        (0, 15, WIDTH, 1),
        (0, 16, 24, 3),
    ]


def test_each_panel_has_a_number_of_its_own() -> None:
    panels = made(PanelRow("one", [panel(), panel()]), PanelRow("two", [panel()]))["panels"]

    assert [found["id"] for found in panels] == [1, 2, 3, 4, 5]


def test_queries_are_lettered_and_go_to_the_chosen_data_source() -> None:
    two = Panel(title="p", queries=[Query("a", "{{x}}"), Query("b", is_instant=True)], kind="table")

    targets = made(PanelRow("one", [two]))["panels"][1]["targets"]

    assert [
        (found["refId"], found["legendFormat"], found["instant"], found["range"]) for found in targets
    ] == [
        ("A", "{{x}}", False, True),
        ("B", "__auto", True, False),
    ]
    assert {found["datasource"]["uid"] for found in targets} == {"${datasource}"}


def test_a_variable_offers_a_labels_values_or_a_list() -> None:
    label = Variable(name="environment", label="Environment", query="label_values(up, environment)")
    fixed = Variable(name="window", label="Window", values=["7d", "1d"], is_multi=False)

    source, first, second = made(variables=(label, fixed))["templating"]["list"]

    assert source["type"] == "datasource"
    assert (first["type"], first["definition"], first["includeAll"]) == ("query", label.query, True)
    assert (second["type"], second["query"], second["current"]["value"]) == ("custom", "7d,1d", "7d")
    assert [option["selected"] for option in second["options"]] == [True, False]

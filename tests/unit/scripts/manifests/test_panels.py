from scripts.manifests.panels import Panel, placed


def panel(width: int) -> Panel:
    return Panel("Title", "Meaning", [("up", "{{job}}"), ("down", "no")], "short", width)


def test_panels_fill_rows_from_left_to_right() -> None:
    places = [one["gridPos"] for one in placed([panel(12), panel(12), panel(16), panel(12)])]
    assert [(place["x"], place["y"]) for place in places] == [(0, 0), (12, 0), (0, 8), (0, 16)]


def test_each_panel_has_an_id_and_each_query_a_letter() -> None:
    first, second = placed([panel(12), panel(12)])
    assert (first["id"], second["id"]) == (1, 2)
    assert [target["refId"] for target in first["targets"]] == ["A", "B"]

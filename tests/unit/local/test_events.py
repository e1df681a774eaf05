from trellis.local.events import Event, Events


def test_listeners_get_each_event_and_repeats_are_counted() -> None:
    heard: list[Event] = []
    events = Events(heard.append)
    events.add("a")
    events.add("b", "error")
    events.add("b", "error")
    assert [(event.text, event.times) for event in heard] == [("a", 1), ("b", 1), ("b", 2)]
    assert [(event.text, event.times) for event in events.recent] == [("a", 1), ("b", 2)]


def test_a_listener_that_lost_its_terminal_fails_nothing() -> None:
    def gone(event: Event) -> None:
        raise BrokenPipeError(event.text)

    events = Events(gone)
    events.add("a")
    assert [event.text for event in events.recent] == ["a"]


def test_old_events_are_forgotten() -> None:
    events = Events()
    for number in range(300):
        events.add(str(number))
    assert len(events.recent) == 100
    assert events.recent[-1].text == "299"

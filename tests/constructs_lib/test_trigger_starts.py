"""How schedules and rules hand values over to what they start."""

from __future__ import annotations

import json

from constructs_lib.trigger_starts import PipelineStart, StateMachineStart

MACHINE = StateMachineStart("arn", {"rounds": "Integer", "share": "Float", "dry": "Boolean"})


def test_a_pipeline_takes_texts_and_paths_into_the_event() -> None:
    start = PipelineStart("arn")
    assert start.scheduled({}) == {}
    assert start.by_event({"rounds": "5", "key": "${event.key}"}) == {
        "SageMakerPipelineParameters": {
            "PipelineParameterList": [
                {"Name": "key", "Value": "$.detail.object.key"},
                {"Name": "rounds", "Value": "5"},
            ]
        }
    }


def test_a_state_machine_takes_values_of_their_types() -> None:
    given = {"rounds": "5", "share": "1", "dry": "false", "text": "5"}
    read = json.loads(MACHINE.scheduled(given)["Input"])
    assert read == {"rounds": 5, "share": 1.0, "dry": False, "text": "5"}
    assert MACHINE.scheduled({}) == {"Input": "{}"}


def test_without_values_of_the_event_an_execution_gets_none_of_it() -> None:
    assert MACHINE.by_event({}) == {"Input": "{}"}
    assert json.loads(MACHINE.by_event({"rounds": "5"})["Input"]) == {"rounds": 5}


def test_values_of_the_event_are_put_in_where_they_are_asked_for_and_nowhere_else() -> None:
    given = {
        "a": "${event.key}",
        "b": "${event.key}",
        "c": "${event.time}",
        "d": '<x> "${event.y}"',
    }
    made = MACHINE.by_event(given)["InputTransformer"]
    values = {"$.detail.object.key": "in/1.csv", "$.time": "now"}
    template = made["InputTemplate"]
    for variable, path in made["InputPathsMap"].items():
        template = template.replace(f"<{variable}>", json.dumps(values[path]))
    assert json.loads(template) == {
        "a": "in/1.csv",
        "b": "in/1.csv",
        "c": "now",
        "d": '<x> "${event.y}"',
    }
    assert len(made["InputPathsMap"]) == 2

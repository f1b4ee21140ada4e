"""Runs DAGs inside an Airflow environment, as lines of JSON on standard input ask for.

It never imports this project: it is started by the interpreter of the Airflow environment.
"""

from __future__ import annotations

import functools
import json
import logging
import os
import sys
import time
import traceback


def main() -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    from airflow.utils import db

    db.initdb() if not os.environ.get("SMP_DATABASE_IS_READY") else None
    print(json.dumps({"ready": True}), file=answers, flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        try:
            actions = {"parse": parse, "run": run, "schedule": schedule, "validate": validate}
            answer = actions[request.pop("do")](**request)
        except BaseException:
            answer = {"error": traceback.format_exc()}
        print(json.dumps(answer, default=str), file=answers, flush=True)


def bag(folder: str):
    try:
        from airflow.dag_processing.dagbag import DagBag
    except ImportError:
        from airflow.models.dagbag import DagBag
    sys.path.insert(0, folder) if folder not in sys.path else None
    for name in [name for name in sys.modules if name.startswith("smp_")]:
        del sys.modules[name]
    found = DagBag(folder)
    if "smp_airflow" in sys.modules:
        say_who_calls(sys.modules["smp_airflow"].StepOperator)
    return found


def say_who_calls(operator) -> None:
    """Let the clients that a step makes name the step."""
    execute = operator.execute

    @functools.wraps(execute)
    def named(self, *args, **kwargs):
        os.environ["AWS_SDK_UA_APP_ID"] = self.task_id
        return execute(self, *args, **kwargs)

    operator.execute = named


def parse(folder: str) -> dict:
    began = time.perf_counter()
    found = bag(folder)
    return {
        "seconds": time.perf_counter() - began,
        "import_errors": dict(found.import_errors),
        "dags": {name: described(dag) for name, dag in found.dags.items()},
    }


def described(dag) -> dict:
    return {
        "schedule": str(getattr(dag.timetable, "summary", dag.timetable)),
        "timezone": str(getattr(dag.timetable, "_timezone", "")),
        "max_active_tasks": dag.max_active_tasks,
        "params": {name: dag.params.get_param(name).dump() for name in dag.params},
        "tasks": {
            task.task_id: {
                "type": type(task).__name__,
                "retries": task.retries,
                "retry_delay": task.retry_delay.total_seconds(),
                "backoff": task.retry_exponential_backoff,
                "trigger_rule": str(getattr(task.trigger_rule, "value", task.trigger_rule)),
                "upstream": sorted(task.upstream_task_ids),
                "bases": [base.__name__ for base in type(task).__mro__],
            }
            for task in dag.tasks
        },
    }


def run(folder: str, dag_id: str, conf: dict | None = None) -> dict:
    began = time.perf_counter()
    found = bag(folder)
    if dag_id not in found.dags:
        return {"import_errors": dict(found.import_errors)}
    messages = Messages()
    logging.getLogger().addHandler(messages)
    try:
        run = found.dags[dag_id].test(run_conf=conf or {})
    finally:
        logging.getLogger().removeHandler(messages)
    return {
        "seconds": time.perf_counter() - began,
        "run_id": run.run_id,
        "state": text(run.state),
        "tasks": {
            ti.task_id: {
                "state": text(ti.state),
                "tries": ti.try_number,
                "chosen": chosen_by(ti) if is_branch(ti) else None,
            }
            for ti in run.get_task_instances()
        },
        "log": messages.lines,
    }


def schedule(folder: str, dag_id: str) -> dict:
    """Store the DAGs as the DAG processor does; return when the scheduler starts the next run."""
    from airflow.models.dag import DagModel
    from airflow.utils.session import create_session

    found = bag(folder)
    if dag_id not in found.dags:
        return {"import_errors": dict(found.import_errors)}
    store(found)
    with create_session() as session:
        model = session.get(DagModel, dag_id)
        return {"next": model.next_dagrun_create_after.isoformat()}


def store(found) -> None:
    """Store DAGs as each version does; Airflow 3 knows the bundle that they are in."""
    try:
        from airflow.models.dagbundle import DagBundleModel
    except ImportError:
        found.sync_to_db()
        return
    from airflow.utils.session import create_session

    with create_session() as session:
        session.merge(DagBundleModel(name="tests"))
    try:
        from airflow.dag_processing.dagbag import sync_bag_to_db
    except ImportError:
        found.sync_to_db("tests", None)
    else:
        sync_bag_to_db(found, "tests", None)


def validate(workflow: str) -> dict:
    """Ask the validator of MWAA Serverless, and DAG-Factory, which reads the file as the service does."""
    from pathlib import Path
    from tempfile import TemporaryDirectory

    import dag_converter
    import yaml
    from dag_converter.schema_parser import ArgumentValidator
    from dag_converter.yaml_validator import validate_yaml_with_dagbag

    validator = ArgumentValidator(Path(dag_converter.__file__).parent / "validator_schema.yaml")
    unknown = []
    for name, dag in yaml.safe_load(workflow).items():
        found = [("dag", name, key) for key in dag]
        found += [("task", task_id, key) for task_id, task in dag["tasks"].items() for key in task]
        unknown += [
            f"{place}: {key}"
            for section, place, key in found
            if not validator.validate_field(section, key, None, no_value_check=True)
        ]
        allowed = validator.get_allowed_default_args()
        unknown += [f"{name}: {key}" for key in dag.get("default_args", {}) if key not in allowed]
        operators = {task_id: task["operator"] for task_id, task in dag["tasks"].items()}
        unknown += [
            f"{task_id}: {operator}"
            for task_id, operator in operators.items()
            if operator not in validator.get_allowed_operators()
        ]
    with TemporaryDirectory() as directory:
        valid, reason = validate_yaml_with_dagbag(None, workflow, Path(directory) / "dag.py")
    return {"unknown": unknown, "valid": valid, "reason": reason}


def chosen_by(ti) -> list:
    """Return the tasks that a branch continues with; not every version keeps what it returned."""
    kept = ti.xcom_pull(task_ids=ti.task_id, key="skipmixin_key") or {}
    return list(kept.get("followed", []))


def is_branch(ti) -> bool:
    return "branch" in (ti.operator or "").lower() and text(ti.state) == "success"


def text(state) -> str:
    return str(getattr(state, "value", state))


class Messages(logging.Handler):
    """What was logged as a warning or worse."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines = []

    def emit(self, record) -> None:
        self.lines.append(record.getMessage())


if __name__ == "__main__":
    main()

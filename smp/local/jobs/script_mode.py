"""Script mode: what a framework's image does where a request names a script but no entry point.

The hyperparameters `sagemaker_program` and `sagemaker_submit_directory` name the script and where its
source lies. A local stand-in of an image's own algorithm runs in a like way. Source: the SageMaker training
toolkit (`environment.py`, `mapping.py`, `process.py`) and what `smp.definition.start_scripts` names.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from smp.definition.hyperparameters import decoded
from smp.definition.start_scripts import StartScript, start_script
from smp.local.jobs.archive import unpack
from smp.local.jobs.container import OPT_ML, inside, resource_config
from smp.local.jobs.context import StepContext

PROGRAM, SOURCE = "sagemaker_program", "sagemaker_submit_directory"
OBJECTIVE = "_tuning_objective_metric"
"""The hyperparameter that the service adds to those of a trial."""
KEPT_BY_TOOLKIT = ("default_user_module_name", OBJECTIVE)
"""What the toolkit gives no script, beside what begins with `sagemaker_`."""
CODE = "/opt/ml/code"
GROUP = "homogeneousCluster"
LOG_LEVEL = 20


def is_script_mode(arguments: Mapping[str, Any]) -> bool:
    """Whether a training request is for a framework's image to run a script."""
    named = arguments.get("HyperParameters", {})
    return PROGRAM in named and "ContainerEntrypoint" not in arguments["AlgorithmSpecification"]


def is_own_algorithm(arguments: Mapping[str, Any]) -> bool:
    """Whether a training request is for what its image brings: neither a script nor a command."""
    given = "ContainerEntrypoint" in arguments["AlgorithmSpecification"]
    return not given and not is_script_mode(arguments)


def place_source(context: StepContext) -> None:
    """Put the script's source where the toolkit does."""
    if context.stand_in is not None:
        context.inputs.place_tree(context.stand_in.code, context.opt_ml / "code")
        return
    source = decoded(context.arguments["HyperParameters"].get(SOURCE))
    target = context.opt_ml / "code"
    if isinstance(source, str) and source.startswith(f"{OPT_ML}/"):
        shutil.copytree(inside(context.opt_ml, source), target, dirs_exist_ok=True)
    elif isinstance(source, str) and source.startswith("s3://"):
        context.inputs.fetch({"S3Uri": source}, target)
        archive = target / source.rpartition("/")[2]
        if archive.name.endswith((".tar.gz", ".tgz")) and archive.is_file():
            unpack(archive, target)
            archive.unlink()
    program = target / _program(context.arguments)
    if program.suffix != ".py" and program.is_file():
        program.chmod(0o777)


def script_command(context: StepContext) -> tuple[str, ...]:
    """Return the command that starts the script: the toolkit's, or for a stand-in a plain one."""
    if context.stand_in is not None:
        script = f"{CODE}/{context.stand_in.script}"
        runner = "/bin/sh" if script.endswith(".sh") else "python3"
        return (runner, script, *arguments_of(context))
    start = _start(context)
    command = _toolkit_command(_program(context.arguments), arguments_of(context), start)
    if start.joins_arguments:
        return ("/bin/sh", "-c", " ".join(command))
    if start.strips_quotes:
        command[-1] = command[-1].strip('"')
    return tuple(command)


def _toolkit_command(program: str, options: list[str], start: StartScript) -> list[str]:
    if program.endswith(".sh"):
        words = " ".join(map(shlex.quote, options))
        return ["/bin/sh", "-c", f'"./{program} {words}"']  # the quotes are stripped, or a shell's
    if start.runs_modules:
        return ["python3", "-m", program.removesuffix(".py"), *options]
    return ["python3", program, *options]


def arguments_of(context: StepContext) -> list[str]:
    """Return the arguments that the toolkit makes of the hyperparameters, in the order of their names.

    A stand-in gets the texts that the image's algorithm would read.
    """
    if context.stand_in is not None:
        texts = _of_script(context.arguments).items()
        return [part for name, text in texts for part in (f"--{name}", text)]
    values = _hyperparameters(context)
    return [
        text
        for name in sorted(values)
        for text in (f"--{name}" if len(name) > 1 else f"-{name}", _argument(values[name]))
    ]


def _argument(value: Any) -> str:
    if isinstance(value, dict):
        return ",".join(f"{key}={item}" for key, item in sorted(value.items()))
    return "" if value is None else str(value)


def script_environment(context: StepContext) -> dict[str, str]:
    """Return the variables by which scripts of framework images find their way."""
    values = _hyperparameters(context)
    channels = _channels(context.arguments)
    environment = _environment(context, values, channels)
    variables = {
        **environment,
        **{f"channel_{name}": path for name, path in channels.items()},
        **{f"hp_{name}": value for name, value in values.items()},
    }
    path = context.arguments.get("Environment", {}).get("PYTHONPATH")
    return {
        **{f"SM_{name.upper()}": _variable(value) for name, value in variables.items()},
        "PYTHONPATH": os.pathsep.join([CODE, *([path] if path else [])]),
    }


def _environment(
    context: StepContext, values: dict[str, Any], channels: dict[str, str]
) -> dict[str, Any]:
    arguments = context.arguments
    machine = resource_config("algo-1", ("algo-1",), arguments["ResourceConfig"]["InstanceType"])
    stand_in = context.stand_in
    program = stand_in.script if stand_in else _program(arguments)
    source = decoded(arguments.get("HyperParameters", {}).get(SOURCE, CODE))
    common = {
        "hosts": machine["hosts"],
        "network_interface_name": machine["network_interface_name"],
        "user_entry_point": program,
        "resource_config": machine,
        "input_data_config": _input_data_config(context),
        "output_data_dir": "/opt/ml/output/data",
        "current_host": "algo-1",
        "current_instance_type": machine["current_instance_type"],
        "current_instance_group": GROUP,
        "current_instance_group_hosts": machine["hosts"],
        "instance_groups": [GROUP],
        "instance_groups_dict": {GROUP: machine["instance_groups"][0]},
        "distribution_instance_groups": [GROUP],
        "is_hetero": False,
        "module_name": program,
        "log_level": LOG_LEVEL,
        "framework_module": "" if stand_in else _start(context).module,
        "input_dir": "/opt/ml/input",
        "input_config_dir": "/opt/ml/input/config",
        "output_dir": "/opt/ml/output",
        "num_cpus": os.cpu_count() or 1,
        "num_gpus": 0,
        "num_neurons": 0,
        "model_dir": "/opt/ml/model",
        "module_dir": source,
        "output_intermediate_dir": "/opt/ml/output/intermediate",
    }
    training = {
        **common,
        "additional_framework_parameters": {},
        "channel_input_dirs": channels,
        "distribution_hosts": machine["hosts"],
        "hyperparameters": values,
        "is_master": True,
        "job_name": context.job_name,
        "master_hostname": "algo-1",
    }
    return {
        **common,
        "hps": values,
        "framework_params": {},
        "channels": sorted(channels),
        "training_env": training,
        "user_args": arguments_of(context),
    }


def _variable(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def _start(context: StepContext) -> StartScript:
    return start_script(str(context.arguments["AlgorithmSpecification"].get("TrainingImage", "")))


def _channels(arguments: Mapping[str, Any]) -> dict[str, str]:
    names = [item["ChannelName"] for item in arguments.get("InputDataConfig", [])]
    return {name: f"{OPT_ML}/input/data/{name}" for name in names}


def _input_data_config(context: StepContext) -> Any:
    file = context.opt_ml / "input" / "config" / "inputdataconfig.json"
    return json.loads(file.read_text(encoding="utf-8"))


def _program(arguments: Mapping[str, Any]) -> str:
    program = Path(str(decoded(arguments["HyperParameters"][PROGRAM])))
    return program.name if program.is_absolute() else program.as_posix()


def _of_script(arguments: Mapping[str, Any]) -> dict[str, str]:
    """Return the texts of the hyperparameters that are the script's own."""
    return {
        name: text
        for name, text in sorted(arguments.get("HyperParameters", {}).items())
        if not name.startswith("sagemaker_") and name not in KEPT_BY_TOOLKIT
    }


def _hyperparameters(context: StepContext) -> dict[str, Any]:
    """Return the script's own hyperparameters, decoded as the toolkit does."""
    values = {name: decoded(text) for name, text in _of_script(context.arguments).items()}
    if context.stand_in is not None or "model_dir" not in _start(context).required:
        return values
    place = values.get("model_dir")
    if OBJECTIVE in context.arguments["HyperParameters"] and not _is_in_container(place):
        values["model_dir"] = f"{place}/{context.job_name}/model"
    return values


def _is_in_container(place: Any) -> bool:
    return isinstance(place, str) and place.startswith(OPT_ML)

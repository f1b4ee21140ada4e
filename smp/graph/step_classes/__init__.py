"""Every step class by its name in the configuration, one module a class."""

from __future__ import annotations

from collections.abc import Mapping

from smp.graph.step_classes.approved_model import APPROVED_MODEL
from smp.graph.step_classes.base import StepClass
from smp.graph.step_classes.clarify_check import CLARIFY_CHECK
from smp.graph.step_classes.condition import CONDITION, FAIL
from smp.graph.step_classes.delete_model import DELETE_MODEL
from smp.graph.step_classes.emr_serverless import EMR_SERVERLESS
from smp.graph.step_classes.for_each import FOR_EACH
from smp.graph.step_classes.function import CALLBACK, LAMBDA
from smp.graph.step_classes.metrics import METRICS
from smp.graph.step_classes.model import CREATE_MODEL, REGISTER_MODEL
from smp.graph.step_classes.notebook_job import NOTEBOOK_JOB
from smp.graph.step_classes.processing import PROCESSING
from smp.graph.step_classes.quality_check import QUALITY_CHECK
from smp.graph.step_classes.training import TRAINING
from smp.graph.step_classes.transform import TRANSFORM
from smp.graph.step_classes.tuning import TUNING

STEP_CLASSES: Mapping[str, StepClass] = {
    "Processing": PROCESSING,
    "Training": TRAINING,
    "Tuning": TUNING,
    "CreateModel": CREATE_MODEL,
    "Transform": TRANSFORM,
    "Metrics": METRICS,
    "RegisterModel": REGISTER_MODEL,
    "Condition": CONDITION,
    "Fail": FAIL,
    "Lambda": LAMBDA,
    "Callback": CALLBACK,
    "QualityCheck": QUALITY_CHECK,
    "ClarifyCheck": CLARIFY_CHECK,
    "NotebookJob": NOTEBOOK_JOB,
    "ApprovedModel": APPROVED_MODEL,
    "DeleteModel": DELETE_MODEL,
    "EMRServerless": EMR_SERVERLESS,
    "ForEach": FOR_EACH,
}

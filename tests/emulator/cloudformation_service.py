"""What the AWS emulator lacks of the CloudFormation service, for the tests' own server process.

Owns change sets as the CDK CLI uses them, termination protection and the resource types of
`cloudformation_models`. Never used outside the emulator's process: it patches moto.
"""

from collections.abc import Callable
from typing import Any

from moto.cloudformation import models, parsing, responses
from moto.cloudformation.exceptions import CloudFormationError, ValidationError
from moto.core.responses import EmptyResult
from moto.ec2.models import ec2_backends
from moto.ec2.models.route_tables import RouteTable
from moto.iam.models import ManagedPolicy, iam_backends
from moto.kms.models import Key

from tests.emulator.cloudformation_models import BUCKET_DEPLOYMENT, BucketDeployment, Json

Method = Callable[[Any], Any]

_PROTECTED = "Stack [{}] cannot be deleted while TerminationProtection is enabled"

_class_of = parsing.resource_class_from_type
_update_resource = parsing.parse_and_update_resource
_changes_of = models.ChangeSet.diff
_delete_stack = models.CloudFormationBackend.delete_stack
_create_key = Key.create_from_cloudformation_json


class ChangeSetNotFoundError(CloudFormationError):  # type: ignore[misc]
    code = "ChangeSetNotFound"


def install() -> None:
    """Patch the server in this process. Once, before the first request."""
    parsing.resource_class_from_type = _resource_class
    parsing.parse_and_update_resource = _updated_or_kept
    ManagedPolicy.delete_from_cloudformation_json = classmethod(_delete_managed_policy)
    RouteTable.delete_from_cloudformation_json = classmethod(_delete_route_table)
    Key.create_from_cloudformation_json = classmethod(_create_key_with_tags)
    models.ChangeSet.diff = _changes_with_properties
    models.ChangeSet.apply = _apply_change_set
    models.CloudFormationBackend.delete_stack = _delete_unprotected_stack
    response = responses.CloudFormationResponse
    response.update_termination_protection = _update_termination_protection
    response.describe_change_set = _of_its_stack(response.describe_change_set)
    response.execute_change_set = _of_its_stack(response.execute_change_set)
    response.delete_change_set = _of_its_stack(response.delete_change_set, or_nothing=True)


def _resource_class(resource_type: str) -> Any:
    return BucketDeployment if resource_type == BUCKET_DEPLOYMENT else _class_of(resource_type)


def _updated_or_kept(logical_id: str, resource_json: Json, resources: Any, **where: Any) -> Any:
    """Update a resource; one that the emulator cannot update stays as it is instead of vanishing."""
    return _update_resource(logical_id, resource_json, resources, **where) or resources[logical_id]


def _delete_managed_policy(
    _: type, resource_name: str, resource_json: Json, account_id: str, region_name: str
) -> None:
    del resource_json, region_name
    backend = iam_backends[account_id]["aws"]
    policy = backend.get_policy(resource_name)
    for role in backend.get_roles():
        if policy.arn in role.managed_policies:
            backend.detach_role_policy(policy.arn, role.name)
    backend.delete_policy(policy.arn)


def _create_key_with_tags(
    _: type, /, resource_name: str, cloudformation_json: Json, *place: str, **more: Any
) -> Any:
    """Hand over tags as the key service names them, not as CloudFormation does."""
    properties = cloudformation_json["Properties"]
    tags = [{"TagKey": t["Key"], "TagValue": t["Value"]} for t in properties.get("Tags", [])]
    changed = {**cloudformation_json, "Properties": {**properties, "Tags": tags}}
    return _create_key(resource_name, changed, *place, **more)


def _delete_route_table(
    _: type, resource_name: str, resource_json: Json, account_id: str, region_name: str
) -> None:
    del resource_json
    ec2_backends[account_id][region_name].delete_route_table(resource_name)


def _delete_unprotected_stack(backend: Any, name_or_stack_id: str) -> None:
    for stack in backend.stacks.values():
        named = name_or_stack_id in (stack.name, stack.stack_id)
        if named and stack.enable_termination_protection:
            raise ValidationError(message=_PROTECTED.format(stack.name))
    _delete_stack(backend, name_or_stack_id)


def _update_termination_protection(response: Any) -> EmptyResult:
    stack = response.cloudformation_backend.get_stack(response._get_param("StackName"))
    stack.enable_termination_protection = response._get_bool_param("EnableTerminationProtection")
    return EmptyResult()


def _of_its_stack(method: Method, *, or_nothing: bool = False) -> Method:
    """Find a change set by its name and its stack: the CDK CLI uses one name for all stacks."""

    def of_its_stack(response: Any) -> Any:
        get_param = response._get_param
        named = (get_param("ChangeSetName"), get_param("StackName"))
        for arn, change_set in response.cloudformation_backend.change_sets.items():
            stacks = (change_set.stack_name, change_set.stack_id)
            if named[0] in (arn, change_set.change_set_name) and named[1] in (None, *stacks):
                break
        else:
            if or_nothing:
                return EmptyResult()
            raise ChangeSetNotFoundError(f"ChangeSet [{named[0]}] does not exist")
        response._get_param = lambda name, *default: (
            arn if name == "ChangeSetName" else get_param(name, *default)
        )
        return method(response)

    return of_its_stack


def _changes_with_properties(change_set: Any) -> list[Any]:
    """Name the properties that change: the CDK CLI shows no difference that has no name here."""
    found: list[Any] = _changes_of(change_set)
    old = change_set.stack.template_dict.get("Resources", {})
    new = change_set.template_dict["Resources"]
    for change in found:
        if change.action == "Modify":
            name = change.logical_resource_id
            change.scope = ["Properties"]
            change.replacement = "False"
            change.details = _property_details(old[name], new[name])
    return found


def _property_details(before: Json, after: Json) -> list[Json]:
    """What a change set says of each property that differs between two resources."""
    old, new = before.get("Properties", {}), after.get("Properties", {})
    return [
        {
            "Target": {"Attribute": "Properties", "Name": name, "RequiresRecreation": "Never"},
            "Evaluation": "Static",
            "ChangeSource": "DirectModification",
        }
        for name in sorted({*old, *new})
        if old.get(name) != new.get(name)
    ]


def _apply_change_set(change_set: Any) -> None:
    """Apply a change set as a direct update would be: in order, with imports, outputs, exports."""
    stack = change_set.stack
    backend = models.cloudformation_backends[stack.account_id][stack.region_name]
    template = change_set.template_dict
    template["Resources"] = _in_dependency_order(template["Resources"])
    stack.resource_map.cross_stack_resources = backend.exports
    stack.resource_map.update(template, _given_parameters(change_set))
    stack.template = change_set.template
    stack.template_dict = template
    stack.output_map = stack._create_output_map()
    backend.exports.update({export.name: export for export in stack.exports})


def _given_parameters(change_set: Any) -> dict[str, str]:
    """Leave out those kept from before that name a stored value: here they come as that value."""
    declared = change_set.template_dict.get("Parameters", {})
    return {
        name: value
        for name, value in change_set.parameters.items()
        if not declared[name]["Type"].startswith("AWS::SSM::Parameter")
    }


def _in_dependency_order(resources: Json) -> Json:
    """Return the resources so that each comes after those that its DependsOn names."""
    ordered: Json = {}

    def place(logical_id: str) -> None:
        if logical_id in ordered:
            return
        named = resources[logical_id].get("DependsOn", [])
        for dependency in [named] if isinstance(named, str) else named:
            place(dependency)
        ordered[logical_id] = resources[logical_id]

    for logical_id in resources:
        place(logical_id)
    return ordered

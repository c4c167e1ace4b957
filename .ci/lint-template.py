#!/usr/bin/env python3
"""Lints template.yaml and what must agree with it.

`sam validate --lint` looks at the template before SAM has translated it and passes a wrong `!GetAtt`, a timeout of
1,000 s and misspelt properties. So this translates first and lints the CloudFormation that comes of it; then it checks
what no linter knows: that no policy has a wildcard, that panics unwind in what is deployed, that every function logs to a
group with a retention, that every function has its folder and its sample event, that the queue outlasts the function that
reads it, and that AWS's limits hold on which a deployment fails halfway (those on which cfn-lint has no rule).
test-lint-template.py beside it shows each of these checks a template that breaks it.

Usage: lint-template.py [ROOT]   (the folder of template.yaml; by default the one above this script's)
Prints one finding a line and exits with 1 if there is any.
"""

from __future__ import annotations

import json
import re
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import yaml
from cfnlint.api import lint
from cfnlint.config import ManualArgs
from samtranslator.model.exceptions import InvalidDocumentException
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse

REGION = "eu-central-1"
# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html; cfn-lint counts the 500
# resources (E3010).
TEMPLATE_BYTES = 1_000_000
# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html: a function's resource policy has 20 KB. A route
# or a schedule is one statement of it, which takes about 405 bytes and more for long names.
INVOKERS_PER_FUNCTION = 45
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html: all inline policies of a role together.
INLINE_POLICY_CHARACTERS = 10_240
# The longest value of a reference in a policy, an ARN: region and account, the stack's name (44), a logical id, and the 13
# characters that CloudFormation puts behind it.
REFERENCE_CHARACTERS = 140
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Streams.html: more are throttled.
READERS_PER_STREAM = 2
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-limits.html
METRICS_PER_ALARM = 10
# https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsx-ray.html: they take no resource.
ACTIONS_WITHOUT_RESOURCE = {"xray:PutTelemetryRecords", "xray:PutTraceSegments"}
HTTP_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "ANY"}


def main(root: Path) -> int:
    try:
        source = yaml_parse((root / "template.yaml").read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        print(f"template.yaml: {error}")
        return 1
    found = findings(root, source)
    for finding in found:
        print(finding)
    functions = len(of_type(source, "AWS::Serverless::Function"))
    print(f"template lint: {functions} functions, {len(source['Resources'])} resources, {len(found)} findings")
    return 1 if found else 0


def findings(root: Path, source: dict[str, Any]) -> list[str]:
    """What is wrong with a parsed template and with what must agree with it."""
    found = list(check_source(root, source))
    try:
        translated = translate(source)
    except InvalidDocumentException as refusal:
        return found + ([f"template.yaml: {cause.message}" for cause in refusal.causes] or [refusal.message])
    for check in (check_cloudformation, check_policies, check_logs, check_queues, check_limits):
        found += check(translated)
    return found


def of_type(template: dict[str, Any], resource_type: str) -> dict[str, dict[str, Any]]:
    """The resources of one type, by logical id."""
    return {
        logical_id: resource
        for logical_id, resource in template["Resources"].items()
        if resource.get("Type") == resource_type
    }


def kebab(logical_id: str) -> str:
    """The folder, binary and event file of a function: ExpireReservationsFunction -> expire-reservations."""
    return re.sub(r"(?<!^)(?=[A-Z])", "-", logical_id.removesuffix("Function")).lower()


# --- The template as it is written ------------------------------------------------------------------------------------


def check_source(root: Path, template: dict[str, Any]) -> Iterator[str]:
    functions = of_type(template, "AWS::Serverless::Function")
    for logical_id, function in functions.items():
        yield from check_build(root, logical_id, function)
        yield from check_triggers(logical_id, function)
        if "Role" not in function["Properties"]:
            yield f"{logical_id}: has no Role; the one that SAM makes carries AWS's managed policies"
    yield from check_profile(root)
    yield from check_samples(root, functions)
    yield from check_parameters(template)


def check_profile(root: Path) -> Iterator[str]:
    """cargo-lambda adds `--config profile.release.panic="abort"` unless the workspace's manifest sets it."""
    profile = tomllib.loads((root / "Cargo.toml").read_text())["profile"]["release"]
    if profile.get("panic") != "unwind":
        yield 'Cargo.toml: [profile.release] must say panic = "unwind", or a panic ends the function\'s process'


def check_build(root: Path, logical_id: str, function: dict[str, Any]) -> Iterator[str]:
    name = kebab(logical_id)
    if not (root / "functions" / name / "Cargo.toml").is_file():
        yield f"{logical_id}: there is no functions/{name}/Cargo.toml"
    metadata = function.get("Metadata", {})
    if metadata.get("BuildMethod") != "rust-cargolambda":
        yield f"{logical_id}: Metadata.BuildMethod must be rust-cargolambda"
    if metadata.get("BuildProperties", {}).get("Binary") != name:
        yield f"{logical_id}: Metadata.BuildProperties.Binary must be {name}"


def check_triggers(logical_id: str, function: dict[str, Any]) -> Iterator[str]:
    for name, event in function["Properties"].get("Events", {}).items():
        properties = event["Properties"]
        if event["Type"] == "HttpApi" and str(properties.get("Method")).upper() not in HTTP_METHODS:
            yield f"{logical_id}.Events.{name}: {properties.get('Method')!r} is not an HTTP method"
        if event["Type"] == "Schedule" and (problem := schedule_problem(properties.get("Schedule"))):
            yield f"{logical_id}.Events.{name}: {problem}"


def schedule_problem(schedule: Any) -> str | None:
    """EventBridge refuses `rate(5 minute)` and `rate(1 minutes)`, and only when the stack is deployed."""
    if rate := re.fullmatch(r"rate\(([1-9]\d*) (minute|hour|day)(s?)\)", str(schedule)):
        count, unit, plural = rate.groups()
        if (count == "1") == bool(plural):
            return f"Schedule must read {'rate(1 ' + unit + ')' if count == '1' else f'rate({count} {unit}s)'}"
        return None
    if re.fullmatch(r"cron\(\S+( \S+){5}\)", str(schedule)):
        return None
    return f"Schedule {schedule!r} is neither rate(value unit) nor cron(six fields)"


def check_samples(root: Path, functions: dict[str, dict[str, Any]]) -> Iterator[str]:
    samples = {path.stem: path for path in sorted((root / "events").glob("*.json"))}
    names = {kebab(logical_id): function for logical_id, function in functions.items()}
    for missing in sorted(names.keys() - samples.keys()):
        yield f"events/{missing}.json: is missing"
    for name, path in samples.items():
        if name not in names:
            yield f"events/{path.name}: there is no function of that name in template.yaml"
            continue
        try:
            sample = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            yield f"events/{path.name}: is not JSON: {error}"
            continue
        yield from check_sample(path.name, sample, names[name])


def check_sample(file: str, sample: Any, function: dict[str, Any]) -> Iterator[str]:
    events = function["Properties"].get("Events", {}).values()
    kinds = {event["Type"] for event in events}
    if not isinstance(sample, dict):
        yield f"events/{file}: is not an object"
    elif "HttpApi" in kinds:
        routes = {f"{e['Properties']['Method']} {e['Properties']['Path']}" for e in events if e["Type"] == "HttpApi"}
        if sample.get("version") != "2.0":
            yield f"events/{file}: version must be \"2.0\", the payload format of an HTTP API"
        if sample.get("routeKey") not in routes:
            yield f"events/{file}: routeKey {sample.get('routeKey')!r} is no route of the function"
    elif kinds & {"SQS", "DynamoDB"}:
        source = "aws:sqs" if "SQS" in kinds else "aws:dynamodb"
        if not sample.get("Records") or any(r.get("eventSource") != source for r in sample["Records"]):
            yield f"events/{file}: Records must hold records whose eventSource is {source}"
    elif "Schedule" in kinds and sample.get("detail-type") != "Scheduled Event":
        yield f"events/{file}: detail-type must be \"Scheduled Event\""


def check_parameters(template: dict[str, Any]) -> Iterator[str]:
    interface = template.get("Metadata", {}).get("AWS::CloudFormation::Interface", {})
    grouped = [name for group in interface.get("ParameterGroups", []) for name in group["Parameters"]]
    for name, parameter in template.get("Parameters", {}).items():
        if not parameter.get("Description"):
            yield f"Parameters.{name}: has no Description"
        if not parameter.keys() & {"AllowedPattern", "AllowedValues", "MinValue", "MaxValue"}:
            yield f"Parameters.{name}: allows any value; give AllowedPattern, AllowedValues, MinValue or MaxValue"
        if grouped.count(name) != 1:
            yield f"Parameters.{name}: must stand in one group of AWS::CloudFormation::Interface"
    for name in grouped:
        if name not in template.get("Parameters", {}):
            yield f"AWS::CloudFormation::Interface: there is no parameter {name}"


# --- The CloudFormation that SAM makes of it --------------------------------------------------------------------------


def translate(source: dict[str, Any]) -> dict[str, Any]:
    """What AWS::Serverless-2016-10-31 turns the template into, as if the functions' packages were uploaded."""
    document = json.loads(json.dumps(source))
    document.get("Globals", {}).get("Function", {}).pop("CodeUri", None)
    for function in of_type(document, "AWS::Serverless::Function").values():
        function["Properties"]["CodeUri"] = "s3://example-bucket/package.zip"
    return Translator({}, Parser(), boto_session=boto3.session.Session(region_name=REGION)).translate(document, {})


def check_cloudformation(template: dict[str, Any]) -> Iterator[str]:
    for match in lint(json.dumps(template, indent=1), config=ManualArgs(regions=[REGION])):
        place = ".".join(str(step) for step in match.path) or "template"
        yield f"{place.removeprefix('Resources.')}: {match.rule.id} {match.message}"


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def literals(value: Any) -> Iterator[str]:
    """All literal text in a value, inside intrinsic functions too."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from literals(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from literals(inner)


def references(value: Any) -> Iterator[str]:
    """The logical ids that a value refers to by Ref, Fn::GetAtt or Fn::Sub."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == "Ref":
                yield inner
            elif key == "Fn::GetAtt":
                yield inner.split(".")[0] if isinstance(inner, str) else inner[0]
            elif key == "Fn::Sub":
                text = inner if isinstance(inner, str) else inner[0]
                yield from (name.split(".")[0] for name in re.findall(r"\$\{([^}!]+)\}", text))
                yield from references(inner)
            else:
                yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)


def policy_documents(role: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    yield "AssumeRolePolicyDocument", role["Properties"].get("AssumeRolePolicyDocument", {})
    for policy in role["Properties"].get("Policies", []):
        yield policy["PolicyName"], policy["PolicyDocument"]


def check_policies(template: dict[str, Any]) -> Iterator[str]:
    roles = of_type(template, "AWS::IAM::Role")
    for kind in ("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy"):
        for logical_id, policy in of_type(template, kind).items():
            statements = as_list(policy["Properties"]["PolicyDocument"]["Statement"])
            actions = {action for statement in statements for action in literals(statement.get("Action"))}
            if not actions or actions - ACTIONS_WITHOUT_RESOURCE:
                yield f"{logical_id}: write the statements into the function's own role instead of an {kind}"
    for logical_id, role in roles.items():
        # AWS Backup says by a managed policy what it needs; functions say it themselves.
        trusted = set(literals(role["Properties"].get("AssumeRolePolicyDocument", {}))) - {"Allow", "sts:AssumeRole"}
        if role["Properties"].get("ManagedPolicyArns") and "backup.amazonaws.com" not in trusted:
            yield f"{logical_id}: managed policies allow more than the function needs; write the statements out"
        for name, document in policy_documents(role):
            for index, statement in enumerate(as_list(document.get("Statement"))):
                place = f"{logical_id}.{name}.{statement.get('Sid', index)}"
                yield from check_statement(place, statement, name == "AssumeRolePolicyDocument")
    users: dict[str, list[str]] = {}
    for logical_id, function in of_type(template, "AWS::Lambda::Function").items():
        for role_id in references(function["Properties"]["Role"]):
            users.setdefault(role_id, []).append(logical_id)
            if role_id in roles:
                yield from check_grants(logical_id, function, role_id, roles[role_id])
    for role_id, functions in users.items():
        if len(functions) > 1:
            yield f"{role_id}: shared by {', '.join(functions)}; each function needs a role of its own"


def check_statement(place: str, statement: dict[str, Any], is_trust: bool) -> Iterator[str]:
    for negation in ("NotAction", "NotResource", "NotPrincipal"):
        if negation in statement:
            yield f"{place}: {negation} allows everything that it does not name"
    for action in literals(statement.get("Action")):
        if "*" in action or "?" in action:
            yield f"{place}: wildcard in Action {action!r}; name each action"
    checked = statement.get("Principal") if is_trust else statement.get("Resource")
    for text in literals(checked):
        if "*" in text or "?" in text:
            yield f"{place}: wildcard in {'Principal' if is_trust else 'Resource'} {text!r}; name what is meant"
    if not is_trust and not as_list(statement.get("Resource")):
        yield f"{place}: has no Resource"


def check_grants(logical_id: str, function: dict[str, Any], role_id: str, role: dict[str, Any]) -> Iterator[str]:
    """A table or queue that a function is told of is one that it may use."""
    granted = set(references([document for _, document in policy_documents(role)]))
    variables = function["Properties"].get("Environment", {}).get("Variables", {})
    for name, value in variables.items():
        if name.endswith(("_TABLE", "_QUEUE_URL")):
            for resource in set(references(value)) - granted:
                yield f"{logical_id}: {name} names {resource}, on which {role_id} allows nothing"


def check_logs(template: dict[str, Any]) -> Iterator[str]:
    groups = of_type(template, "AWS::Logs::LogGroup")
    for logical_id, group in groups.items():
        if not group["Properties"].get("RetentionInDays"):
            yield f"{logical_id}: has no RetentionInDays, so its logs are kept for ever"
    for logical_id, function in of_type(template, "AWS::Lambda::Function").items():
        config = function["Properties"].get("LoggingConfig", {})
        if config.get("LogFormat") != "JSON":
            yield f"{logical_id}: LoggingConfig.LogFormat must be JSON"
        if not set(references(config.get("LogGroup"))) & groups.keys():
            yield f"{logical_id}: LoggingConfig.LogGroup must be a log group of this template"


def check_queues(template: dict[str, Any]) -> Iterator[str]:
    queues = of_type(template, "AWS::SQS::Queue")
    functions = of_type(template, "AWS::Lambda::Function")
    for logical_id, mapping in of_type(template, "AWS::Lambda::EventSourceMapping").items():
        for queue_id in set(references(mapping["Properties"].get("EventSourceArn"))) & queues.keys():
            visibility = int(queues[queue_id]["Properties"].get("VisibilityTimeout", 30))
            for function_id in set(references(mapping["Properties"]["FunctionName"])) & functions.keys():
                timeout = int(functions[function_id]["Properties"].get("Timeout", 3))
                if visibility < 6 * timeout:
                    yield (
                        f"{queue_id}: VisibilityTimeout is {visibility} s; {function_id} may take {timeout} s, so it "
                        f"must be at least {6 * timeout} s"
                    )
            if "RedrivePolicy" not in queues[queue_id]["Properties"]:
                yield f"{queue_id}: {logical_id} reads it, and it has no RedrivePolicy for what cannot be handled"


def check_limits(template: dict[str, Any]) -> Iterator[str]:
    size = len(json.dumps(template).encode())
    if size > TEMPLATE_BYTES:
        yield f"template.yaml: becomes {size:,} bytes of CloudFormation, which takes {TEMPLATE_BYTES:,}; split the stack"
    yield from check_invokers(template)
    for logical_id, role in of_type(template, "AWS::IAM::Role").items():
        documents = [document for name, document in policy_documents(role) if name != "AssumeRolePolicyDocument"]
        characters = sum(len(json.dumps(resolved(document), separators=(",", ":"))) for document in documents)
        if characters > INLINE_POLICY_CHARACTERS:
            yield (
                f"{logical_id}: its policies may have {characters:,} characters when deployed; IAM takes "
                f"{INLINE_POLICY_CHARACTERS:,} inline"
            )
    readers: Counter[str] = Counter()
    for mapping in of_type(template, "AWS::Lambda::EventSourceMapping").values():
        readers.update(set(references(mapping["Properties"].get("EventSourceArn"))))
    for table in of_type(template, "AWS::DynamoDB::Table"):
        if readers[table] > READERS_PER_STREAM:
            yield f"{table}: {readers[table]} functions read its stream; DynamoDB lets {READERS_PER_STREAM}"
    for logical_id, alarm in of_type(template, "AWS::CloudWatch::Alarm").items():
        metrics = sum("MetricStat" in metric for metric in alarm["Properties"].get("Metrics", []))
        if metrics > METRICS_PER_ALARM:
            yield f"{logical_id}: reads {metrics} metrics; CloudWatch lets an alarm read {METRICS_PER_ALARM}"


def check_invokers(template: dict[str, Any]) -> Iterator[str]:
    invokers: Counter[str] = Counter()
    for permission in of_type(template, "AWS::Lambda::Permission").values():
        invokers.update(set(references(permission["Properties"]["FunctionName"])))
    for function, count in invokers.items():
        if count > INVOKERS_PER_FUNCTION:
            yield (
                f"{function}: has {count} routes and schedules; Lambda's policy of who may invoke it has room for "
                f"{INVOKERS_PER_FUNCTION}, so move some to another function"
            )


def resolved(value: Any) -> Any:
    """A value as it may be at most when it is deployed: each reference as long as an ARN."""
    if isinstance(value, list):
        return [resolved(inner) for inner in value]
    if not isinstance(value, dict):
        return value
    if value.keys() & {"Ref", "Fn::GetAtt"}:
        return "x" * REFERENCE_CHARACTERS
    if "Fn::Sub" in value:
        text = value["Fn::Sub"] if isinstance(value["Fn::Sub"], str) else value["Fn::Sub"][0]
        return re.sub(r"\$\{[^}!]+\}", "x" * REFERENCE_CHARACTERS, text)
    return {key: resolved(inner) for key, inner in value.items()}


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).resolve().parent.parent)))

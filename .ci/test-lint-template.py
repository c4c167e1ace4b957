#!/usr/bin/env python3
"""Shows each check of lint-template.py a template that breaks it.

Each case changes template.yaml, once parsed, in one way, and names the start of the finding that must come of it.
"""

from __future__ import annotations

import copy
import importlib.util
import logging
import unittest
import unittest.mock
from collections.abc import Callable
from pathlib import Path
from typing import Any

from samtranslator.yaml_helper import yaml_parse

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
SPEC = importlib.util.spec_from_file_location("lint_template", HERE / "lint-template.py")
lint_template = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(lint_template)

Resources = dict[str, dict[str, Any]]


def properties(resources: Resources, logical_id: str) -> dict[str, Any]:
    return resources[logical_id]["Properties"]


def statements(resources: Resources, role: str) -> list[dict[str, Any]]:
    return properties(resources, role)["Policies"][0]["PolicyDocument"]["Statement"]


def add_routes(resources: Resources) -> None:
    """Up to 46 of CatalogFunction."""
    events = properties(resources, "CatalogFunction")["Events"]
    for number in range(46 - len(events)):
        route = {"ApiId": {"Ref": "Api"}, "Method": "GET", "Path": f"/api/v1/extra/{number}"}
        events[f"Extra{number}"] = {"Type": "HttpApi", "Properties": route}


def add_queues(resources: Resources) -> None:
    """500 more resources."""
    for number in range(500):
        resources[f"Extra{number}Queue"] = {"Type": "AWS::SQS::Queue", "Properties": {"DelaySeconds": 0}}


def add_text(resources: Resources) -> None:
    """A megabyte more."""
    resources["UsersTable"]["Metadata"] = {"Note": "x" * 1_000_000}


def add_statements(resources: Resources) -> None:
    """As written, 9,000 characters more: under IAM's limit until names stand in the place of references."""
    for number in range(60):
        statements(resources, "AuthRole").append(
            {
                "Sid": f"CountRequestsMore{number}",
                "Effect": "Allow",
                "Action": ["dynamodb:UpdateItem"],
                "Resource": {"Fn::GetAtt": ["LimitsTable", "Arn"]},
            }
        )


def add_reader(resources: Resources) -> None:
    """A third function that reads the stream of the events."""
    events = copy.deepcopy(properties(resources, "StatsFunction")["Events"])
    properties(resources, "HealthFunction")["Events"]["Stream"] = events["Events"]


def add_metrics(resources: Resources) -> None:
    """An alarm on the sum of eleven metrics."""
    metric = {"Namespace": "AWS/Lambda", "MetricName": "Errors"}
    names = [f"m{number}" for number in range(11)]
    resources["ExtraAlarm"] = {
        "Type": "AWS::CloudWatch::Alarm",
        "Properties": {
            "ComparisonOperator": "GreaterThanThreshold",
            "EvaluationPeriods": 1,
            "Threshold": 0,
            "Metrics": [{"Id": "sum", "Expression": " + ".join(names)}]
            + [
                {"Id": name, "ReturnData": False, "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Sum"}}
                for name in names
            ],
        },
    }


def set_property(logical_id: str, name: str, value: Any) -> Callable[[Resources], None]:
    return lambda resources: properties(resources, logical_id).update({name: value})


def remove_property(logical_id: str, name: str) -> Callable[[Resources], None]:
    return lambda resources: properties(resources, logical_id).pop(name)


def set_in_statement(role: str, name: str, value: Any) -> Callable[[Resources], None]:
    return lambda resources: statements(resources, role)[0].update({name: value})


def set_event(function: str, event: str, name: str, value: Any) -> Callable[[Resources], None]:
    return lambda resources: properties(resources, function)["Events"][event]["Properties"].update({name: value})


Case = tuple[Callable[[Resources], Any], str]

# What cfn-lint finds, which takes some seconds each.
BROKEN_FOR_CFN_LINT: list[Case] = [
    (add_queues, "Resources: E3010 "),
    (set_property("RelayFunction", "Timeout", 1000), "RelayFunction.Properties.Timeout: E"),
]

BROKEN: list[Case] = [
    # The limits of AWS
    (add_routes, "CatalogFunction: has 46 routes and schedules"),
    (add_text, "template.yaml: becomes 1,"),
    (add_statements, "AuthRole: its policies may have "),
    (add_reader, "EventsTable: 3 functions read its stream"),
    (add_metrics, "ExtraAlarm: reads 11 metrics"),
    # The template as it is written
    (lambda resources: resources["RelayFunction"]["Metadata"].pop("BuildMethod"), "RelayFunction: Metadata.BuildMethod"),
    (
        lambda resources: resources["RelayFunction"]["Metadata"]["BuildProperties"].update({"Binary": "email"}),
        "RelayFunction: Metadata.BuildProperties.Binary must be relay",
    ),
    (
        lambda resources: resources.update({"ExtraFunction": copy.deepcopy(resources["RelayFunction"])}),
        "ExtraFunction: there is no functions/extra/Cargo.toml",
    ),
    (lambda resources: resources.pop("RelayFunction"), "events/relay.json: there is no function of that name"),
    (set_event("HealthFunction", "Health", "Method", "FETCH"), "HealthFunction.Events.Health: 'FETCH' is not"),
    (
        set_event("HealthFunction", "Health", "Path", "/api/v2/health"),
        "events/health.json: routeKey 'GET /api/v1/health' is no route",
    ),
    (
        set_event("UsersFunction", "FinishErasures", "Schedule", "rate(1 minutes)"),
        "UsersFunction.Events.FinishErasures: Schedule must read rate(1 minute)",
    ),
    (remove_property("RelayFunction", "Role"), "RelayFunction: has no Role"),
    # What it becomes
    (set_property("RelayFunction", "Role", {"Fn::GetAtt": ["AuthRole", "Arn"]}), "AuthRole: shared by AuthFunction, Re"),
    (
        set_property(
            "TracingPolicy",
            "PolicyDocument",
            {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": "*"}]},
        ),
        "TracingPolicy: write the statements into",
    ),
    (set_property("RelayRole", "ManagedPolicyArns", ["arn:aws:iam::aws:policy/ReadOnlyAccess"]), "RelayRole: managed"),
    (set_in_statement("RelayRole", "Action", ["logs:*"]), "RelayRole.relay.WriteLogs: wildcard in Action 'logs:*'"),
    (set_in_statement("RelayRole", "Resource", "*"), "RelayRole.relay.WriteLogs: wildcard in Resource '*'"),
    (set_in_statement("RelayRole", "NotAction", "logs:PutLogEvents"), "RelayRole.relay.WriteLogs: NotAction allows"),
    (
        lambda resources: properties(resources, "RelayRole")["AssumeRolePolicyDocument"]["Statement"][0].update(
            {"Principal": "*"}
        ),
        "RelayRole.AssumeRolePolicyDocument.0: wildcard in Principal '*'",
    ),
    (
        lambda resources: properties(resources, "RelayFunction")["Environment"]["Variables"].update(
            {"LIMITS_TABLE": {"Ref": "LimitsTable"}}
        ),
        "RelayFunction: LIMITS_TABLE names LimitsTable, on which RelayRole allows nothing",
    ),
    (remove_property("RelayLogGroup", "RetentionInDays"), "RelayLogGroup: has no RetentionInDays"),
    (
        set_property("RelayFunction", "LoggingConfig", {"LogGroup": "relay", "LogFormat": "Text"}),
        "RelayFunction: LoggingConfig.LogFormat must be JSON",
    ),
    (
        set_property("RelayFunction", "LoggingConfig", {"LogGroup": "relay", "LogFormat": "JSON"}),
        "RelayFunction: LoggingConfig.LogGroup must be",
    ),
    (set_property("NotificationsQueue", "VisibilityTimeout", 60), "NotificationsQueue: VisibilityTimeout is 60 s"),
    (remove_property("NotificationsQueue", "RedrivePolicy"), "NotificationsQueue: "),
]


class Checks(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        # SAM's translator warns of the statistics that it collects about itself.
        logging.disable(logging.WARNING)
        cls.template = yaml_parse((ROOT / "template.yaml").read_text(encoding="utf-8"))

    def check(self, cases: list[Case]) -> None:
        for change, expected in cases:
            with self.subTest(expected):
                template = copy.deepcopy(self.template)
                change(template["Resources"])
                self.assert_found(expected, lint_template.findings(ROOT, template))

    def assert_found(self, expected: str, found: list[str]) -> None:
        self.assertTrue(any(finding.startswith(expected) for finding in found), f"{expected!r} is not in {found}")

    def test_cfn_lint_is_asked(self) -> None:
        self.check(BROKEN_FOR_CFN_LINT)

    @unittest.mock.patch.object(lint_template, "check_cloudformation", lambda _template: [])
    def test_what_is_broken_is_found(self) -> None:
        self.check(BROKEN)

    @unittest.mock.patch.object(lint_template, "check_cloudformation", lambda _template: [])
    def test_an_undescribed_parameter_is_found(self) -> None:
        template = copy.deepcopy(self.template)
        template["Parameters"]["Extra"] = {"Type": "String"}
        found = lint_template.findings(ROOT, template)
        for fault in ("has no Description", "allows any value", "must stand in one group"):
            self.assert_found(f"Parameters.Extra: {fault}", found)


if __name__ == "__main__":
    unittest.main()

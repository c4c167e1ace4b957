//! The resource types that the local stack knows: the ones it runs, and the ones that mean nothing on one machine.
//! A type that is in neither group is a fault, so that nothing is passed over in silence.

/// What the local stack does with a type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Function,
    HttpApi,
    Table,
    Queue,
    Secret,
    LeftOut,
}

/// One known type.
#[derive(Debug)]
pub(super) struct ResourceType {
    pub(super) name: &'static str,
    pub(super) role: Role,
    /// The attributes that `!GetAtt` may ask for.
    pub(super) attributes: &'static [&'static str],
    /// The property that gives it its name, which is what `!Ref` answers for most types.
    pub(super) name_property: Option<&'static str>,
}

const fn left_out(
    name: &'static str,
    attributes: &'static [&'static str],
    name_property: Option<&'static str>,
) -> ResourceType {
    ResourceType { name, role: Role::LeftOut, attributes, name_property }
}

const KNOWN: &[ResourceType] = &[
    ResourceType {
        name: "AWS::Serverless::Function",
        role: Role::Function,
        attributes: &["Arn"],
        name_property: Some("FunctionName"),
    },
    ResourceType {
        name: "AWS::Serverless::HttpApi",
        role: Role::HttpApi,
        attributes: &["ApiEndpoint", "ApiId"],
        // `Name` is for people only: what refers to an API refers to its id.
        name_property: None,
    },
    ResourceType {
        name: "AWS::DynamoDB::Table",
        role: Role::Table,
        attributes: &["Arn", "StreamArn"],
        name_property: Some("TableName"),
    },
    ResourceType {
        name: "AWS::SQS::Queue",
        role: Role::Queue,
        attributes: &["Arn", "QueueName", "QueueUrl"],
        name_property: Some("QueueName"),
    },
    ResourceType {
        name: "AWS::SecretsManager::Secret",
        role: Role::Secret,
        attributes: &["Id"],
        name_property: Some("Name"),
    },
    left_out("AWS::ApiGatewayV2::ApiMapping", &["ApiMappingId"], None),
    left_out(
        "AWS::ApiGatewayV2::DomainName",
        &["DomainNameArn", "RegionalDomainName", "RegionalHostedZoneId"],
        Some("DomainName"),
    ),
    left_out("AWS::Backup::BackupPlan", &["BackupPlanArn", "BackupPlanId", "VersionId"], None),
    left_out("AWS::Backup::BackupSelection", &["BackupPlanId", "Id", "SelectionId"], None),
    left_out("AWS::Backup::BackupVault", &["BackupVaultArn", "BackupVaultName"], Some("BackupVaultName")),
    left_out("AWS::Budgets::Budget", &[], None),
    left_out("AWS::CloudFront::Distribution", &["DomainName", "Id"], None),
    left_out("AWS::CloudWatch::Alarm", &["Arn"], Some("AlarmName")),
    left_out("AWS::CloudWatch::CompositeAlarm", &["Arn"], Some("AlarmName")),
    left_out("AWS::CloudWatch::Dashboard", &[], Some("DashboardName")),
    left_out("AWS::IAM::ManagedPolicy", &["PolicyArn", "PolicyId"], None),
    left_out("AWS::IAM::Policy", &[], None),
    left_out("AWS::IAM::Role", &["Arn", "RoleId"], Some("RoleName")),
    left_out("AWS::KMS::Alias", &[], Some("AliasName")),
    left_out("AWS::KMS::Key", &["Arn", "KeyId"], None),
    left_out("AWS::Lambda::Permission", &[], None),
    left_out("AWS::Logs::LogGroup", &["Arn"], Some("LogGroupName")),
    left_out("AWS::Logs::MetricFilter", &[], Some("FilterName")),
    left_out("AWS::Logs::ResourcePolicy", &[], Some("PolicyName")),
    left_out("AWS::Route53::RecordSet", &[], Some("Name")),
    left_out("AWS::Route53::RecordSetGroup", &[], None),
    left_out("AWS::SES::ConfigurationSet", &[], Some("Name")),
    left_out("AWS::SES::ConfigurationSetEventDestination", &["Id"], None),
    left_out(
        "AWS::SES::EmailIdentity",
        &[
            "DkimDNSTokenName1",
            "DkimDNSTokenName2",
            "DkimDNSTokenName3",
            "DkimDNSTokenValue1",
            "DkimDNSTokenValue2",
            "DkimDNSTokenValue3",
        ],
        Some("EmailIdentity"),
    ),
    left_out("AWS::SNS::Subscription", &["Arn"], None),
    left_out("AWS::SNS::Topic", &["TopicArn", "TopicName"], Some("TopicName")),
    left_out("AWS::SNS::TopicPolicy", &["Id"], None),
    left_out("AWS::SQS::QueuePolicy", &["Id"], None),
];

/// The type of that name.
pub(super) fn find(name: &str) -> Option<&'static ResourceType> {
    KNOWN.iter().find(|known| known.name == name)
}

/// The names of the types that are run, for messages.
pub(super) fn executed() -> String {
    let names: Vec<_> =
        KNOWN.iter().filter(|known| known.role != Role::LeftOut).map(|known| known.name).collect();
    names.join(", ")
}

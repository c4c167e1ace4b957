//! AWS's list prices.

/// The month of which the prices are. They were written down without AWS's pages at hand: whoever compares them changes this.
pub(super) const AS_OF: &str = "November 2025";

/// A price of the region us-east-1, the first tier of it, without the free tiers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Price {
    /// The item that is billed.
    pub(super) item: &'static str,
    /// US dollars for so many units.
    pub(super) usd: f64,
    /// The number of units that the price is for.
    pub(super) per: f64,
    /// The units.
    pub(super) unit: &'static str,
    /// AWS's page.
    pub(super) source: &'static str,
}

impl Price {
    /// Returns the US dollars for an amount.
    pub(super) fn of(&self, amount: f64) -> f64 {
        amount * self.usd / self.per
    }
}

const fn price(item: &'static str, usd: f64, per: f64, unit: &'static str, source: &'static str) -> Price {
    Price { item, usd, per, unit, source }
}

const MILLION: f64 = 1_000_000.0;
const DYNAMODB: &str = "https://aws.amazon.com/dynamodb/pricing/on-demand/";
const LAMBDA: &str = "https://aws.amazon.com/lambda/pricing/";
const CLOUDWATCH: &str = "https://aws.amazon.com/cloudwatch/pricing/";

pub(super) const READS: Price = price("DynamoDB, reads", 0.125, MILLION, "read request units", DYNAMODB);
pub(super) const WRITES: Price = price("DynamoDB, writes", 0.625, MILLION, "write request units", DYNAMODB);
pub(super) const STORAGE: Price = price("DynamoDB, storage", 0.25, 1.0, "GB-month", DYNAMODB);
pub(super) const BACKUPS: Price = price("DynamoDB, point-in-time recovery", 0.20, 1.0, "GB-month", DYNAMODB);
pub(super) const STREAM: Price =
    price("DynamoDB, the stream's reads by Lambda", 0.0, MILLION, "stream read request units", DYNAMODB);
pub(super) const INVOCATIONS: Price = price("Lambda, invocations", 0.20, MILLION, "requests", LAMBDA);
pub(super) const COMPUTING: Price = price("Lambda, time", 16.6667, MILLION, "GB-seconds (x86_64)", LAMBDA);
pub(super) const SQS: Price =
    price("SQS", 0.40, MILLION, "requests to a standard queue", "https://aws.amazon.com/sqs/pricing/");
pub(super) const LOGS: Price = price("CloudWatch, logs", 0.50, 1.0, "GB taken in", CLOUDWATCH);
pub(super) const KEPT_LOGS: Price = price("CloudWatch, logs kept", 0.03, 1.0, "GB-month", CLOUDWATCH);
pub(super) const METRICS: Price = price("CloudWatch, metrics", 0.30, 1.0, "metrics, a month", CLOUDWATCH);
pub(super) const ALARMS: Price =
    price("CloudWatch, alarms", 0.10, 1.0, "metrics in alarms, a month", CLOUDWATCH);
pub(super) const DASHBOARDS: Price =
    price("CloudWatch, dashboards", 3.0, 1.0, "dashboards, a month", CLOUDWATCH);
pub(super) const SCHEDULES: Price = price(
    "EventBridge, schedules",
    0.0,
    MILLION,
    "runs of rules with a schedule",
    "https://aws.amazon.com/eventbridge/pricing/",
);
pub(super) const SECRETS: Price = price(
    "Secrets Manager",
    0.40,
    1.0,
    "secrets, a month",
    "https://aws.amazon.com/secrets-manager/pricing/",
);
pub(super) const KEYS: Price =
    price("KMS", 0.03, 10_000.0, "requests for the tables' key", "https://aws.amazon.com/kms/pricing/");
pub(super) const API: Price = price(
    "API Gateway",
    1.00,
    MILLION,
    "requests to an HTTP API, of 512 KB each",
    "https://aws.amazon.com/api-gateway/pricing/",
);
pub(super) const TRANSFER: Price =
    price("Data transfer to the internet", 0.09, 1.0, "GB", "https://aws.amazon.com/ec2/pricing/on-demand/");
pub(super) const MAILS: Price = price("SES", 0.10, 1_000.0, "mails", "https://aws.amazon.com/ses/pricing/");

/// All of them, in the order of the tables.
pub(super) const ALL: [Price; 19] = [
    READS,
    WRITES,
    STORAGE,
    BACKUPS,
    STREAM,
    INVOCATIONS,
    COMPUTING,
    SQS,
    LOGS,
    KEPT_LOGS,
    METRICS,
    ALARMS,
    DASHBOARDS,
    SCHEDULES,
    SECRETS,
    KEYS,
    API,
    TRANSFER,
    MAILS,
];
